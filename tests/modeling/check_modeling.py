"""Loads exported models as others do and compares their answers with those that ZipLM wrote beside them.

    python3 check_modeling.py FOLDER...

Each FOLDER is the directory NAME of a model with NAME.json beside it (the inputs, the answers, the class to load it with), or
holds any number of such pairs. One line for each model says "ok" and the largest difference, or "FAILED" and why; the exit code
is 0 when all are ok, 1 when one failed, 2 when there was nothing to check. Needs torch. With transformers installed this is the
real thing, generation and saving again included; without, a stand-in loads the files.
"""
import copy
import json
import os
import pathlib
import sys
import tempfile
import traceback

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch

try:
    import transformers
    HOST, IS_REAL = "transformers " + transformers.__version__, True
    transformers.logging.set_verbosity_error()
except ImportError:
    sys.path.insert(0, str(pathlib.Path(__file__).parent / "stand_in"))
    import transformers
    HOST, IS_REAL = "a stand-in for transformers", False

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


def check_options(model, ids, inputs):
    """What the config asks for where the caller says nothing, and plain tuples."""
    before = getattr(model.config, "output_hidden_states", False)
    model.config.output_hidden_states = True
    named = model(ids, **inputs)
    plain = model(ids, return_dict=False, **inputs)
    model.config.output_hidden_states = before
    assert named.hidden_states is not None, "config.output_hidden_states is ignored"
    assert isinstance(plain, tuple) and torch.allclose(plain[0], named.to_tuple()[0], atol=1e-6), "return_dict=False gives something else"


def check_dense(model, ids):
    """A config that says nothing of the layers is that of a dense model."""
    config = copy.deepcopy(model.config)
    del config.ziplm
    try:
        dense = type(model)(config).eval()
    except ValueError as error:
        assert "ziplm.frequencies" in str(error), error
        return
    assert dense(ids).last_hidden_state.shape == model(ids).last_hidden_state.shape
    assert sum(p.numel() for p in dense.parameters()) > sum(p.numel() for p in model.parameters())


def check_generation(model, ids, mask):
    """Greedy text is the likeliest word after word; beams run."""
    row = int(mask.sum(1).argmax())
    prompt = ids[row:row + 1, :4]
    ones, options = torch.ones_like(prompt), {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 0}
    written = model.generate(prompt, attention_mask=ones, num_beams=1, **options)
    assert written.shape[1] > prompt.shape[1], "nothing was generated"
    step_by_step = prompt
    while step_by_step.shape[1] < written.shape[1]:
        step_by_step = torch.cat((step_by_step, model(step_by_step).logits[:, -1:].argmax(-1)), 1)
    assert torch.equal(written, step_by_step), f"generated {written.tolist()}, step by step {step_by_step.tolist()}"
    uncached = model.generate(prompt, attention_mask=ones, num_beams=1, use_cache=False, **options)
    assert torch.equal(written, uncached), f"generated {written.tolist()}, without a cache {uncached.tolist()}"
    beams = model.generate(prompt, attention_mask=ones, num_beams=2, **options)
    assert torch.equal(beams[:, :prompt.shape[1]], prompt) and beams.shape[1] > prompt.shape[1], "beams lose the prompt"
    # A batch with padding on the left, as several prompts of different lengths are given.
    padded = torch.cat((torch.zeros_like(prompt[:, :2]), prompt), 1)
    left = torch.cat((torch.zeros_like(ones[:, :2]), ones), 1)
    again = model.generate(padded, attention_mask=left, num_beams=1, **options)
    assert torch.equal(again[:, 2:], written), f"generated {written.tolist()}, with padding {again.tolist()}"


def check_saving(model, auto_class, name, ids, inputs):
    """What save_pretrained writes loads again, with its code, and answers the same."""
    with tempfile.TemporaryDirectory() as folder:
        # A name of its own: transformers keeps the code of directories of one name in one place.
        again = pathlib.Path(folder) / f"{name}_{auto_class}_again"
        model.save_pretrained(again)
        assert (again / "modeling_ziplm.py").exists(), "save_pretrained left modeling_ziplm.py out"
        loaded, info = load(auto_class, again)
        assert type(loaded).__name__ == type(model).__name__
        assert not info["unexpected_keys"], f"unexpected after saving: {info['unexpected_keys']}"
        assert torch.allclose(answer(loaded(ids, **inputs)), answer(model(ids, **inputs)), atol=1e-6), "saved and loaded, it answers otherwise"


def check_tokenizer(model, directory, reads_types):
    """The tokenizer gives what the model reads."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    encoded = tokenizer("w1 w2 w3", return_tensors="pt")
    assert encoded["input_ids"].shape[1] >= 3
    assert reads_types or "token_type_ids" not in encoded, "the tokenizer gives token_type_ids, which the model does not have"
    model(**encoded)


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
            check_options(model, ids, inputs)
            if auto_class == "AutoModel":
                check_dense(model, ids)
            if auto_class == "AutoModelForCausalLM":
                worst = max(worst, check_causal(model, ids, mask, expected))
                assert torch.isfinite(model(ids, labels=ids, **inputs).loss)
            if IS_REAL:
                if auto_class == "AutoModelForCausalLM":
                    check_generation(model, ids, mask)
                check_saving(model, auto_class, directory.name, ids, inputs)
                if case["family"] in ("bert", "distilbert"):
                    check_tokenizer(model, directory, case["uses_types"])
    assert worst <= TOLERANCE, f"answers differ by {worst:.2g}"
    return worst


def cases(folders):
    """Model directories with the file of answers beside each."""
    for folder in map(pathlib.Path, folders):
        own = folder.parent / (folder.name + ".json")
        for file in [own] if own.is_file() else sorted(folder.glob("*.json")):
            yield file.with_suffix(""), file


def main(folders):
    failed, worst, count = 0, 0.0, 0
    for directory, file in cases(folders):
        count += 1
        try:
            found = check(directory, json.loads(file.read_text(encoding="utf-8")))
            worst = max(worst, found)
            print(f"ok      {directory.name}: {found:.2g}", flush=True)
        except Exception as error:
            failed += 1
            at = traceback.extract_tb(error.__traceback__)[-1]
            print(f"FAILED  {directory.name}: {type(error).__name__}: {' '.join(str(error).split())} ({pathlib.Path(at.filename).name}:{at.lineno})", flush=True)
    print(f"{count - failed} of {count} models answer the same, the largest difference is {worst:.2g} (torch {torch.__version__}, {HOST}).")
    return 2 if count == 0 else 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
