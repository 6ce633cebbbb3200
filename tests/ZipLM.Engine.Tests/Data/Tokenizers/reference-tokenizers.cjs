// Writes reference-tokenizers.json: small tokenizers made here, and what Hugging Face's tokenizers library makes of hard texts
// with each. Run it after `npm install tokenizers@0.23.2` when a case is added:  node reference-tokenizers.cjs
'use strict';
const { writeFileSync } = require('fs');
const { Tokenizer } = require('tokenizers');

const corpus = `The quick brown fox jumps over the lazy dog, and the dog doesn't care. They're all here; we'll see what I've seen.
A café in Zürich, a naïve façade. Prices rose by 12,345 dollars in 1999. Hello world, hello World! Hello   there.
def main(args): return [x for x in args if x]
中国人民 日本語のテキスト 한국어 텍스트 😀😀 😁 Привет мир. Ελληνικά κείμενα.`.repeat(2);

const texts = ['', ' ', '   ', 'Hello world', ' Hello', 'Hello  world', 'Hello   world  ', '\n\nHello\r\n\tworld\n', "don't I'VE we'll it's 'S ‘tis",
  'Café CAFÉ cafe\u0301 naïve Ångström \u212b', '中国人 日本語のテキスト 한국어', '😀 👩\u200d🚀 🏳️\u200d🌈 x😀y', 'a\u00a0b\u3000c\u2028d\u0085e\u200bf\ufeffg\u00adh',
  '𐐀𐐨 𠀀𠀁 𝟘𝟙𝟚 𝐇𝐞𝐥𝐥𝐨', '1234567 12 ½ Ⅷ ²³ ٣٤ ①', '<s>hi</s> <mask> x  <mask>y', '[CLS]hi[SEP] [MASK] x [mask]', 'x'.repeat(101), '<|end|>Hello <|end|> x', 'e\u0301\u0323 \u1112\u1161\u11ab ガ カ\u3099 ｶﾞ ﬁ ﬃ ™',
  '▁already ▁▁there', 'x'.repeat(70), '\u0000\u0001\x7f', '\ufffd', 'ПРИВЕТ мир ΣΊΣΥΦΟΣ İstanbul ß ẞ', "foo_bar.baz(qux)[0]={'a':1}; // c", '\u0301abc a\u0300\u0301b',
  '\u0e01\u0e31\u0e49 \u0915\u094d\u0937\u093f', '\u2126 \u00b5 \u1e9b\u0323', '🇩🇪🇫🇷 \u{10100}\u{1F100}', '....!!!???', ' \n \n x \t\t y '];
let state = 12345;
const random = n => (state = (state * 1103515245 + 12345) % 2147483648) % n;
const alphabet = ['a', 'b', 'e', 'é', 'e\u0301', 'ñ', 'ß', 'Σ', 'İ', 'ﬁ', '中', '国', '𠀀', 'カ\u3099', 'ｶﾞ', '😀', '𐐀', '0', '5', 'Ⅷ', '½', ' ', ' ', ' ', '  ', '\n', '\r\n',
  '\u00a0', '\u3000', '\u200b', '\ufeff', '.', ',', '$', "'s", "'", '’', '—', '_', 'the', 'The', 'hello', '</s>', '<mask>', '한', '\u0e31', '\u{1d7d8}'];
for (let i = 0; i < 50; i++) texts.push(Array.from({ length: 1 + random(24) }, () => alphabet[random(alphabet.length)]).join(''));

// Byte-pair encoding, trained by counting all pairs again and again.
const bytes = [...Array(256).keys()];
let next = 256;
const byteChar = bytes.map(b => (b > 32 && b < 127) || (b > 160 && b < 173) || b > 173 ? String.fromCharCode(b) : String.fromCharCode(next++));
function train(words, alphabetPieces, count) {
  const vocabulary = [...alphabetPieces], merges = [];
  words = words.map(w => [...w]);
  while (merges.length < count) {
    const counts = new Map();
    for (const w of words) for (let i = 0; i + 1 < w.length; i++) counts.set(w[i] + ' ' + w[i + 1], (counts.get(w[i] + ' ' + w[i + 1]) || 0) + 1);
    const [best, times] = [...counts].reduce((a, b) => b[1] > a[1] || (b[1] === a[1] && b[0] < a[0]) ? b : a, ['', 0]);
    if (times < 2) break;
    const [l, r] = best.split(' ');
    merges.push(best);
    if (!vocabulary.includes(l + r)) vocabulary.push(l + r);
    words = words.map(w => { const o = []; for (const c of w) o.length && o[o.length - 1] === l && c === r ? o[o.length - 1] = l + r : o.push(c); return o; });
  }
  return { vocabulary, merges };
}
const ids = (list, from = 0) => Object.fromEntries(list.map((p, i) => [p, i + from]));
const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const llama3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const special = (content, id, more = {}) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...more });
const places = s => s.split(' ').map(p => p.split(':')).map(([p, t]) => ({ [p.length === 1 ? 'Sequence' : 'SpecialToken']: { id: p, type_id: +t } }));
const template = (single, pair, tokens) => ({ type: 'TemplateProcessing', single: places(single), pair: places(pair),
  special_tokens: Object.fromEntries(Object.entries(tokens).map(([t, id]) => [t, { id: t, ids: [id], tokens: [t] }])) });
const sequence = (list, ...parts) => ({ type: 'Sequence', [list]: parts });
const define = d => ({ version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...d });

const byteWords = corpus.match(new RegExp(gpt2, 'gu')).map(w => [...Buffer.from(w)].map(b => byteChar[b]).join(''));
const byteLevel = train(byteWords, byteChar, 220);
const bpe = (vocab, merges, more = {}) => ({ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: '', end_of_word_suffix: '', fuse_unk: false, vocab, merges, ...more });
const levels = (prefix, more = {}) => ({ type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: true, use_regex: true, ...more });
const robertaTokens = ['<s>', '<pad>', '</s>', '<unk>'];
const roberta = prefix => define({
  added_tokens: [...robertaTokens.map((t, i) => special(t, i, { normalized: true })), special('<mask>', byteLevel.vocabulary.length + 4, { lstrip: true })],
  pre_tokenizer: levels(prefix),
  post_processor: { type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 0], trim_offsets: true, add_prefix_space: prefix },
  model: bpe(ids([...robertaTokens, ...byteLevel.vocabulary, '<mask>']), byteLevel.merges),
});

const spaced = corpus.replace(/ /g, '▁');
const hexPieces = bytes.map(b => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
const letters = '▁abcdefghijklmnopqrstuvwxyzHTWé,.';
const llamaBpe = train(spaced.split('\n').flatMap(l => ('▁' + l).split(new RegExp(`[^${letters}]`, 'u'))), letters, 150);
const llamaVocabulary = ['<unk>', '<s>', '</s>', ...hexPieces, ...llamaBpe.vocabulary];

const substrings = new Map();
for (const w of spaced.split(/(?=▁)|\n/)) for (let i = 0; i < w.length; i++) for (let j = i + 1; j <= Math.min(w.length, i + 6); j++) {
  const s = w.slice(i, j);
  if (/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/.test(s)) continue;
  substrings.set(s, (substrings.get(s) || 0) + 1);
}
const unigramPieces = [...substrings].filter(([s, n]) => n > 3 || ([...s].length === 1 && s < '\uA000')).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 420)
  .map(([s, n]) => [s, Math.round(1e4 * Math.log(n * [...s].length / 4000)) / 1e4]);
const unigramVocabulary = [['<s>', 0], ['<pad>', 0], ['</s>', 0], ['<unk>', 0], ...unigramPieces, ['<mask>', 0]];

// SentencePiece's table of replacements: a double-array trie over UTF-8, each unit 32 bits: offset, leaf flag, label.
function charsMap(map) {
  const blob = [], at = {}, root = {}, units = new Map([[0, 0]]);
  for (const [key, value] of Object.entries(map)) {
    if (!(value in at)) { at[value] = blob.length; blob.push(...Buffer.from(value), 0); }
    let node = root;
    for (const b of Buffer.from(key)) node = node[b] ||= {};
    node.leaf = at[value];
  }
  (function place(node, pos) {
    const labels = Object.keys(node).map(l => l === 'leaf' ? 0 : +l);
    let base = 1;
    while (labels.some(l => units.has(base ^ l))) base++;
    for (const l of labels) units.set(base ^ l, l);
    units.set(pos, units.get(pos) | (pos ^ base) << 10 | ('leaf' in node ? 256 : 0));
    if ('leaf' in node) units.set(base, node.leaf | 1 << 31);
    for (const l of labels) if (l) place(node[l], base ^ l);
  })(root, 0);
  const size = (Math.max(...units.keys()) | 255) + 1, buffer = Buffer.alloc(4 + 4 * size);
  buffer.writeUInt32LE(4 * size);
  for (const [i, u] of units) buffer.writeUInt32LE(u >>> 0, 4 + 4 * i);
  return Buffer.concat([buffer, Buffer.from(blob)]).toString('base64');
}
const replaced = { '\u00a0': ' ', '\u3000': ' ', '\u2028': ' ', '\u0085': ' ', '\n': ' ', '\r': ' ', '\t': ' ', '\u200b': '', '\ufeff': '', '\u00ad': '' };
for (const c of ['ﬁ', 'ﬃ', '™', '½', 'Ⅷ', '²', '³', '①', 'ｶ', '\uff9e', '\u212b', '\u2126', '\u00b5', '𝟘', '𝟙', '𝐇', '𝐞', '𝐥', '𝐨', '\u{1d7d8}', '\u{1F100}', '\u1112\u1161\u11ab']) replaced[c] = c.normalize('NFKC');
const precompiled = { type: 'Precompiled', precompiled_charsmap: charsMap(replaced) };
const unigram = (normalizer, pre_tokenizer) => define({
  added_tokens: [...robertaTokens.map((t, i) => special(t, i)), special('<mask>', unigramVocabulary.length - 1, { lstrip: true })],
  normalizer, pre_tokenizer,
  post_processor: template('<s>:0 A:0 </s>:0', '<s>:0 A:0 </s>:0 </s>:0 B:0 </s>:0', { '<s>': 0, '</s>': 2 }),
  model: { type: 'Unigram', unk_id: 3, vocab: unigramVocabulary, byte_fallback: false },
});

// Words of the corpus whole where they are frequent, else by their letters.
const bertTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
function wordPieces(text) {
  const words = text.match(/[\p{L}\p{N}\p{M}]+|[^\s\p{L}\p{N}\p{M}]/gu), counts = new Map();
  for (const w of words) for (let n = 1; n <= [...w].length; n++) {
    const start = [...w].slice(0, n).join(''), rest = [...w].slice(n).join('');
    for (const piece of [start, rest && '##' + rest, rest && '##' + [...rest][0]]) if (piece) counts.set(piece, (counts.get(piece) || 0) + 1);
  }
  return [...bertTokens, ...[...counts].filter(([p, n]) => n > 2 || [...p.replace('##', '')].length === 1).map(([p]) => p).sort()];
}
function bert(lowercase) {
  const text = corpus + ' 0 5 a b e x y 中 国 . , $ \' _ [ ] < > / \u0301';
  const plain = text.toLowerCase().normalize('NFD').replace(/\p{Mn}/gu, '');
  return define({
    added_tokens: bertTokens.map((t, i) => special(t, i)),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template('[CLS]:0 A:0 [SEP]:0', '[CLS]:0 A:0 [SEP]:0 B:1 [SEP]:1', { '[CLS]': 2, '[SEP]': 3 }),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: ids(wordPieces(lowercase ? plain : text)) },
  });
}

const definitions = {
  'BERT uncased': bert(true),
  'BERT cased': bert(false),
  'GPT-2': define({
    added_tokens: [special('<|end|>', byteLevel.vocabulary.length)],
    pre_tokenizer: levels(false), post_processor: levels(true, { trim_offsets: false }),
    model: bpe(ids([...byteLevel.vocabulary, '<|end|>']), byteLevel.merges),
  }),
  'RoBERTa': roberta(false),
  'RoBERTa with a space before': roberta(true),
  'LLaMA 3': define({
    added_tokens: [special('<|end|>', byteLevel.vocabulary.length + 1), special('</s>', byteLevel.vocabulary.length + 2, { rstrip: true, normalized: true })],
    normalizer: { type: 'NFC' },
    pre_tokenizer: sequence('pretokenizers', { type: 'Split', pattern: { Regex: llama3 }, behavior: 'Isolated', invert: false }, levels(false, { use_regex: false })),
    post_processor: sequence('processors', levels(true, { trim_offsets: false }), template('<|end|>:0 A:0', '<|end|>:0 A:0 <|end|>:1 B:1', { '<|end|>': byteLevel.vocabulary.length + 1 })),
    model: bpe(ids([...byteLevel.vocabulary, 'x'.repeat(70)]), byteLevel.merges.map(m => m.split(' ')), { ignore_merges: true }),
  }),
  'LLaMA': define({
    added_tokens: ['<unk>', '<s>', '</s>'].map((t, i) => special(t, i)),
    normalizer: sequence('normalizers', { type: 'Prepend', prepend: '▁' }, { type: 'Replace', pattern: { String: ' ' }, content: '▁' }),
    post_processor: template('<s>:0 A:0', '<s>:0 A:0 <s>:1 B:1', { '<s>': 1 }),
    model: bpe(ids(llamaVocabulary), llamaBpe.merges, { unk_token: '<unk>', fuse_unk: true, byte_fallback: true }),
  }),
  'BPE with unknown characters': define({
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true },
    model: bpe(ids(['<unk>', ...llamaBpe.vocabulary]), llamaBpe.merges, { unk_token: '<unk>', fuse_unk: true }),
  }),
  'XLM-R': unigram(precompiled, sequence('pretokenizers', { type: 'WhitespaceSplit' }, { type: 'Metaspace', replacement: '▁', add_prefix_space: true })),
  'XLM-R converted': unigram(sequence('normalizers', precompiled, { type: 'Strip', strip_left: false, strip_right: true }, { type: 'Replace', pattern: { Regex: ' {2,}' }, content: '▁' }),
    { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }),
  'NFKC, lower case, whitespace, digits': unigram(sequence('normalizers', { type: 'NFKC' }, { type: 'Lowercase' }),
    sequence('pretokenizers', { type: 'Whitespace' }, { type: 'Digits', individual_digits: true })),
  'NFD without accents, one piece': unigram(sequence('normalizers', { type: 'NFD' }, { type: 'StripAccents' }), { type: 'Metaspace', replacement: '▁', prepend_scheme: 'never', split: false }),
  "BERT's parts": unigram({ type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: false },
    sequence('pretokenizers', { type: 'BertPreTokenizer' }, { type: 'Digits', individual_digits: false })),
};

// The library's offsets leave characters out where a normaliser joins, spreads or drops them, and count a space that was put
// before a text behind a special token as if it were in the text. Those rows compare ids alone.
function isExact(name, definition, text) {
  const joins = definition.normalizer && name !== 'LLaMA' && (/[\p{M}\u200b\ufeff\u00ad\uff9e]|\r\n/u.test(text) || [...text].some(c => [...c.normalize('NFKC')].length !== 1));
  return !joins && !(definition.pre_tokenizer?.add_prefix_space && /<\/?s>|<mask>/.test(text));
}

(async () => {
  const cases = [];
  for (const [name, definition] of Object.entries(definitions)) {
    const tokenizer = Tokenizer.fromString(JSON.stringify(definition));
    const expected = [];
    for (const text of texts) {
      const encoding = await tokenizer.encode(text);
      const utf16 = [0];
      for (const character of text) utf16.push(utf16[utf16.length - 1] + character.length);
      const offsets = isExact(name, definition, text) ? encoding.getOffsets().map(([s, e]) => [utf16[s], utf16[e]]) : null;
      expected.push({ ids: encoding.getIds(), offsets });
    }
    const pair = await tokenizer.encode('Hello  world', ' the dog');
    cases.push({ name, definition, expected, pair: { ids: pair.getIds(), types: pair.getTypeIds() } });
  }
  writeFileSync(__dirname + '/reference-tokenizers.json', JSON.stringify({ texts, cases }) + '\n');
})();
