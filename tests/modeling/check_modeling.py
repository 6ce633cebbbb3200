"""Loads exported models as others do and compares their answers with those that ZipLM wrote beside them.

    python3 check_modeling.py FOLDER

FOLDER has model directories, and for each NAME a NAME.json: the inputs, the answers, the class to load it with. With
transformers installed this is the real thing; without, a stand-in loads the file. Needs torch.
"""
import json
import pathlib
import sys

import torch

try:
    import transformers
    HOST = "transformers " + transformers.__version__
except ImportError:
    sys.path.insert(0, str(pathlib.Path(__file__).parent / "stand_in"))
    import transformers
    HOST = "a stand-in for transformers"

TOLERANCE = 1e-4


def answer(output):
    if hasattr(output, "start_logits"):
        return torch.stack((output.start_logits, output.end_logits), -1)
    return output.logits if hasattr(output, "logits") else output.last_hidden_state


def load(auto_class, directory):
    model, info = getattr(transformers, auto_class).from_pretrained(directory, trust_remote_code=True, output_loading_info=True)
    missing = {name for name in info["missing_keys"] if "pooler" not in name}
    assert not missing, f"missing: {missing}"
    assert not info["mismatched_keys"], f"of other shapes: {info['mismatched_keys']}"
    return model.eval(), info


def difference(expected, actual, mask):
    actual = actual.double()
    assert expected.shape == actual.shape, f"{tuple(actual.shape)} in place of {tuple(expected.shape)}"
    rows = (expected - actual).abs()
    return (rows[mask.bool()] if expected.dim() == 3 else rows).max().item()


def check_causal(model, ids, mask, expected):
    """Read piece by piece with a cache, and with padding on the left."""
    row = int(mask.sum(1).argmax())
    ids, length = ids[row:row + 1, :int(mask[row].sum())], int(mask[row].sum())
    cache, seen, worst = None, 0, 0.0
    for size in (3, 1, 2, length):
        piece = ids[:, seen:seen + size]
        if piece.shape[1]:
            output = model(piece, attention_mask=torch.ones(1, seen + piece.shape[1], dtype=torch.long), past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            wanted = expected[row:row + 1, seen:seen + piece.shape[1]]
            worst = max(worst, (wanted - answer(output).double()).abs().max().item())
            seen += piece.shape[1]
    padded = torch.cat((torch.full((1, 4), 7), ids), 1)
    left = torch.cat((torch.zeros(1, 4, dtype=torch.long), torch.ones(1, length, dtype=torch.long)), 1)
    return max(worst, (answer(model(padded, attention_mask=left))[:, 4:].double() - expected[row:row + 1, :length]).abs().max().item())


def check(directory, case):
    ids, mask, types = (torch.tensor(case[key]) for key in ("input_ids", "attention_mask", "token_type_ids"))
    inputs = {"attention_mask": mask, **({"token_type_ids": types} if case["uses_types"] else {})}
    worst = 0.0
    for auto_class, key in (("AutoModel", "last_hidden_state"), (case["auto_class"], "logits")):
        if auto_class is None:
            continue
        expected = torch.tensor(case[key], dtype=torch.float64)
        model, info = load(auto_class, directory)
        if key == "logits":
            assert not info["unexpected_keys"], f"unexpected: {info['unexpected_keys']}"
        with torch.no_grad():
            output = model(ids, output_hidden_states=True, **inputs)
            assert len(output.hidden_states) == case["layers"] + 1
            worst = max(worst, difference(expected, answer(output), mask))
            if auto_class == "AutoModelForCausalLM":
                worst = max(worst, check_causal(model, ids, mask, expected))
                assert torch.isfinite(model(ids, labels=ids, **inputs).loss)
    return worst


def main(folder):
    failed, worst, count = 0, 0.0, 0
    for file in sorted(pathlib.Path(folder).glob("*.json")):
        count += 1
        try:
            found = check(file.with_suffix(""), json.loads(file.read_text()))
            assert found <= TOLERANCE, f"answers differ by {found:.2g}"
            worst = max(worst, found)
        except Exception as error:
            failed += 1
            print(f"{file.stem}: {type(error).__name__}: {error}")
    print(f"{count - failed} of {count} models answer the same, the largest difference is {worst:.2g} (torch {torch.__version__}, {HOST}).")
    return 1 if failed or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
