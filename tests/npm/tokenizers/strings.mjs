// Generated texts, the same for the same seed.

export function makeRandom(seed) {
  let state = seed >>> 0 || 1;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}

const SNIPPETS = [
  'Hello', ' world', 'The quick brown fox', "don't", "I'LL", " they're", "'s", ' naïve', 'Größe',
  '12345', ' 2024', '3.14159', '1,000,000', '٣٤٥', '½', '²', '０１', 'Ⅷ',
  '日本語', '中文字符', '한국어', 'Привет', 'مرحبا', 'नमस्ते', 'สวัสดี', 'Ελληνικά',
  'e\u0301', 'a\u0308\u0323', 'ﬁ', 'Å', 'ſ', 'K', 'ß', 'İ', 'ǅ', '가', '각',
  '🦙', '👨‍👩‍👧', '🇩🇪', '👍🏽', '❤️', '😀😀',
  ' ', '  ', '   ', '        ', '\n', '\n\n', ' \n ', '\t', '\t\t', '\r\n', '\u00a0', '\u3000',
  '\u200b', '\u2028', '▁', '▁▁', ' ▁',
  'def f(x):\n    return x + 1\n', 'for (int i = 0; i < n; ++i) {', '</div>', 'a[i] = b->c;',
  '// TODO', '"key": "value",', '#include <stdio.h>', '__init__', 'snake_case_name', 'camelCase',
  '!!', '...', '…', '—', '«»', '$5', '100%', '@user', '#tag', 'a@b.c', 'https://x.org/?q=1&r=2',
  '<|endoftext|>', '<|im_start|>', '<|im_end|>', '<s>', '</s>', '<unk>', '<0x41>', '<|', '|>',
];

// Ranges in which all characters have long been assigned: libraries know different Unicode versions.
const RANGES = [
  [0x20, 0x7e], [0xa1, 0x17f], [0x391, 0x3a1], [0x3b1, 0x3c9], [0x410, 0x44f], [0x5d0, 0x5ea],
  [0x621, 0x63a], [0x905, 0x939], [0xe01, 0xe30], [0x1e00, 0x1eff], [0x2010, 0x2027],
  [0x2030, 0x205e], [0x20a0, 0x20b5], [0x2100, 0x2138], [0x2190, 0x23ff], [0x2460, 0x24ff],
  [0x2500, 0x27bf], [0x3001, 0x303f], [0x3041, 0x3096], [0x30a1, 0x30fa], [0x3300, 0x33ff],
  [0x4e00, 0x9fa5], [0xac00, 0xd7a3], [0xf900, 0xfa2d], [0xfb00, 0xfb06], [0xff01, 0xff9f],
  [0x300, 0x34e], [0x10400, 0x1044f], [0x1d400, 0x1d454], [0x1f300, 0x1f320], [0x1f600, 0x1f640],
  [0x20000, 0x2a6d6],
];

function character(random) {
  const [first, last] = RANGES[random(RANGES.length)];
  return String.fromCodePoint(first + random(last - first + 1));
}

const KINDS = [
  (random) => SNIPPETS[random(SNIPPETS.length)],
  (random) => SNIPPETS[random(SNIPPETS.length)],
  (random) => Array.from({ length: 1 + random(8) }, () => character(random)).join(''),
  (random) => [' ', '\n', '\t', ' '][random(4)].repeat(1 + random(20)),
  (random) => Array.from({ length: 1 + random(12) }, () => random(10)).join(''),
  (random) => Array.from({ length: 1 + random(10) },
    () => String.fromCodePoint(97 + random(26))).join(''),
  (random) => String.fromCodePoint(0x20 + random(0x5f)).repeat(1 + random(6)),
  (random) => ' ' + SNIPPETS[random(SNIPPETS.length)],
];

export function makeStrings(count, seed) {
  const random = makeRandom(seed);
  const strings = [''];
  while (strings.length < count) {
    let text = '';
    for (let n = 1 + random(10); n > 0; --n) text += KINDS[random(KINDS.length)](random);
    strings.push(text);
  }
  return strings.slice(0, count);
}
