// tokenizer.json files to compare: one given, and others made of its vocabulary, so that every
// component that Wattle reads stands in one of them.

const SEQUENCE = (key, ...parts) => ({ type: 'Sequence', [key]: parts });
const split = (Regex, behavior = 'Isolated', invert = false) =>
  ({ type: 'Split', pattern: { Regex }, behavior, invert });
const byteLevel = (add_prefix_space = false, use_regex = true) =>
  ({ type: 'ByteLevel', add_prefix_space, trim_offsets: true, use_regex });
const replace = (String, content) => ({ type: 'Replace', pattern: { String }, content });
const metaspace = (prepend_scheme, more = {}) =>
  ({ type: 'Metaspace', replacement: '▁', prepend_scheme, split: true, ...more });

const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN2 = LLAMA3.replace('{1,3}', '');
const GPT4O =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const GPT4 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";
const DEEPSEEK3 =
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

// The bytes behind the alphabet of byte-level BPE.
function byteOfCharacter() {
  const map = new Map();
  let extra = 256;
  for (let byte = 0; byte < 256; ++byte) {
    const itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    map.set(String.fromCodePoint(itself ? byte : extra++), byte);
  }
  return map;
}

// The same vocabulary in characters instead of bytes, the space being U+2581.
function inCharacters(model, byteFallback) {
  const bytes = byteOfCharacter();
  const plain = (token) => {
    const codes = [...token].map((c) => bytes.get(c));
    if (codes.includes(undefined)) return null;
    const text = Buffer.from(codes).toString('utf8');
    return text.includes('\ufffd') ? null : text.replaceAll(' ', '▁');
  };
  const vocab = {};
  let next = 0;
  const add = (token) => { if (!(token in vocab)) vocab[token] = next++; };
  ['<unk>', '<s>', '</s>'].forEach(add);
  if (byteFallback) {
    for (let byte = 0; byte < 256; ++byte) {
      add(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
    }
  }
  for (const token of Object.keys(model.vocab)) {
    const text = plain(token);
    if (text !== null) add(text);
  }
  const merges = [];
  for (const merge of model.merges) {
    const [left, right] = (typeof merge === 'string' ? merge.split(' ') : merge).map(plain);
    if (left === null || right === null) continue;
    if (left in vocab && right in vocab && left + right in vocab) merges.push([left, right]);
  }
  return { ...model, vocab, merges, unk_token: '<unk>', byte_fallback: byteFallback };
}

function added(id, content, more = {}) {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false,
    special: true, ...more };
}

function characterFile(model, parts) {
  return {
    version: '1.0', truncation: null, padding: null,
    added_tokens: [added(0, '<unk>'), added(1, '<s>'), added(2, '</s>')],
    normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...parts, model,
  };
}

const LLAMA_DECODER = SEQUENCE('decoders', replace('▁', ' '), { type: 'ByteFallback' },
  { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 });

function template(before, behind) {
  const special = ([name]) => ({ SpecialToken: { id: name, type_id: 0 } });
  const text = (id) => ({ Sequence: { id, type_id: 0 } });
  const special_tokens = Object.fromEntries([...before, ...behind].map(
    ([name, id]) => [name, { id: name, ids: [id], tokens: [name] }]));
  return {
    type: 'TemplateProcessing', special_tokens,
    single: [...before.map(special), text('A'), ...behind.map(special)],
    pair: [text('A'), text('B')],
  };
}

// name → tokenizer.json. `given` is byte-level.
export function makeVariants(given) {
  const variants = { given };
  const withPre = (pre_tokenizer, more = {}) => ({ ...given, pre_tokenizer, ...more });
  const pre = (...parts) => SEQUENCE('pretokenizers', ...parts);
  variants.gpt2 = withPre(byteLevel());
  variants.prefix_space = withPre(byteLevel(true));
  variants.llama3 = withPre(pre(split(LLAMA3), byteLevel(false, false)),
    { model: { ...given.model, ignore_merges: true } });
  variants.qwen2 = withPre(pre(split(QWEN2), byteLevel(false, false)),
    { normalizer: { type: 'NFC' } });
  variants.gpt4o = withPre(pre(split(GPT4O), byteLevel(false, false)));
  variants.gpt4 = withPre(pre(split(GPT4, 'Removed', true), byteLevel(false, false)));
  variants.deepseek3 = withPre(pre(split('\\p{N}{1,3}'), split('[一-龥぀-ゟ゠-ヿ]+'),
    split(DEEPSEEK3), byteLevel(false, false)));
  variants.deepseek = withPre(pre(split('[\\r\\n]'), split('\\s?\\p{L}+'), split('\\s+$'),
    { type: 'Digits', individual_digits: true }, byteLevel(false, false)));
  variants.falcon = withPre(pre({ type: 'Punctuation', behavior: 'Contiguous' }, byteLevel(),
    { type: 'Digits', individual_digits: false }, split('[0-9][0-9][0-9]')));
  for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD']) {
    variants[form.toLowerCase()] = { ...given, normalizer: { type: form } };
  }
  variants.bert_like = withPre(byteLevel(), {
    normalizer: SEQUENCE('normalizers', { type: 'NFD' }, { type: 'Lowercase' },
      { type: 'StripAccents' }, { type: 'Strip', strip_left: true, strip_right: true },
      { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' }),
  });
  for (const behavior of ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext',
    'Contiguous']) {
    for (const invert of [false, true]) {
      variants[`split_${behavior}_${invert}`] =
        withPre(pre(split('[aeiou ]|\\d+', behavior, invert), byteLevel(false, false)));
    }
    variants[`punctuation_${behavior}`] =
      withPre(pre({ type: 'Punctuation', behavior }, byteLevel(false, false)));
  }
  variants.empty_matches = withPre(pre(split('(?=[A-Z])|x*|\\b'), byteLevel(false, false)));
  variants.dialect = withPre(pre(split('^.|.$|\\h{2}+|\\w{,3}_|\\p{Han}|\\u0041'),
    byteLevel(false, false)));
  variants.bloom = withPre(pre(split(' ?[^(\\s|[.,!?…。，、।۔،])]+'), byteLevel(false, false)));
  variants.literal = withPre(pre(
    { type: 'Split', pattern: { String: '.' }, behavior: 'MergedWithPrevious', invert: false },
    byteLevel(false, false)));
  variants.whitespace = withPre(pre({ type: 'Whitespace' }, byteLevel(false, false)));
  variants.whitespace_split = withPre(pre({ type: 'WhitespaceSplit' }, byteLevel(true, false)));
  variants.flags = {
    ...given, normalizer: { type: 'Lowercase' },
    added_tokens: [...given.added_tokens.filter((t) => t.special), ...[
      ['FOX', { normalized: true, special: false }],
      ['quick', { single_word: true, special: false }],
      ['world', { lstrip: true, special: false }],
      ['Hello', { rstrip: true, special: false }],
      ['日本', { lstrip: true, rstrip: true, single_word: true, special: false }],
    ].map(([content, more], i) => added(
      given.model.vocab[content] ?? Object.keys(given.model.vocab).length + i, content, more))],
  };
  variants.template = { ...given,
    post_processor: template([['<|im_start|>', 1]], [['<|endoftext|>', 0]]) };

  const bytes = inCharacters(given.model, true);
  const noBytes = inCharacters(given.model, false);
  variants.llama2 = characterFile({ ...bytes, fuse_unk: true }, {
    normalizer: SEQUENCE('normalizers', { type: 'Prepend', prepend: '▁' }, replace(' ', '▁')),
    post_processor: template([['<s>', 1]], []), decoder: LLAMA_DECODER,
  });
  variants.gemma = characterFile(bytes, {
    normalizer: replace(' ', '▁'),
    pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious',
      invert: false },
    decoder: SEQUENCE('decoders', replace('▁', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }),
  });
  for (const scheme of ['always', 'first', 'never']) {
    variants[`metaspace_${scheme}`] = characterFile(bytes,
      { pre_tokenizer: metaspace(scheme), decoder: metaspace(scheme) });
  }
  variants.metaspace_whole = characterFile(bytes,
    { pre_tokenizer: metaspace('first', { split: false }), decoder: metaspace('first') });
  variants.unknown_fused = characterFile({ ...noBytes, fuse_unk: true },
    { pre_tokenizer: metaspace('always'), decoder: metaspace('always') });
  variants.unknown_single = characterFile(noBytes,
    { pre_tokenizer: metaspace('always'), decoder: metaspace('always') });
  variants.unknown_none = characterFile({ ...noBytes, unk_token: null },
    { pre_tokenizer: metaspace('always'), decoder: metaspace('always') });
  return variants;
}

// A byte-level tokenizer.json trained on a few lines, for where no real one is at hand.
export function makeSmall() {
  const vocab = { '<|endoftext|>': 0, '<|im_start|>': 1, '<|im_end|>': 2 };
  for (const character of byteOfCharacter().keys()) vocab[character] = Object.keys(vocab).length;
  const text = `The quick brown fox jumps over the lazy dog. Hello world, hello 12345 numbers!
    def f(x): return x + 1  for (int i = 0; i < n; ++i) they're don't 日本語 Größe Привет 🦙 ...`;
  const alphabet = new Map([...byteOfCharacter()].map(([c, byte]) => [byte, c]));
  let words = text.match(/ ?\S+|\s+/g).map(
    (word) => [...Buffer.from(word)].map((byte) => alphabet.get(byte)));
  const merges = [];
  while (merges.length < 200) {
    const counts = new Map();
    for (const word of words) {
      for (let i = 0; i + 1 < word.length; ++i) {
        const pair = `${word[i]} ${word[i + 1]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    if (counts.size === 0) break;
    const best = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
    const [left, right] = best.split(' ');
    merges.push(best);
    vocab[left + right] ??= Object.keys(vocab).length;
    words = words.map((word) => {
      const merged = [];
      for (let i = 0; i < word.length; ++i) {
        const both = word[i] === left && word[i + 1] === right;
        merged.push(both ? left + right : word[i]);
        if (both) ++i;
      }
      return merged;
    });
  }
  return {
    version: '1.0', truncation: null, padding: null,
    added_tokens: ['<|endoftext|>', '<|im_start|>', '<|im_end|>'].map((t, i) => added(i, t)),
    normalizer: null, pre_tokenizer: byteLevel(), post_processor: null, decoder: byteLevel(),
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null,
      end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, vocab, merges },
  };
}
