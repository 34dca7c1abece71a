// node compare.mjs WATTLE N FOLDER [TOKENIZER_JSON]
// Encodes N generated strings with Wattle and with npm's tokenizers and compares ids; decodes the
// ids again and compares the texts. "tokenizers" is the original in Rust: it judges. Where
// "@huggingface/tokenizers", a rewrite in JavaScript, differs is only counted: among other things,
// its Digits know the ten of ASCII alone, and its Split not all behaviours.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStrings } from './strings.mjs';
import { makeSmall, makeVariants } from './variants.mjs';

const [wattle, countText, folder, given] = process.argv.slice(2);
const count = Number(countText);

let judge = null;
try {
  judge = (await import('tokenizers')).default.Tokenizer;
} catch (error) {
  console.log(`compare-tokenizer: npm's tokenizers does not run here (${error.message})`);
}
const { Tokenizer: Rewrite } = await import('@huggingface/tokenizers');

function runWattle(file, options, lines) {
  const output = execFileSync(wattle, ['tokenize', '-m', file, '--jsonl', ...options],
    { input: lines.map((line) => line + '\n').join(''), maxBuffer: 2 ** 30 });
  const result = output.toString('utf8').split('\n');
  result.pop();
  if (result.length !== lines.length) throw new Error(`${lines.length} lines, ${result.length} back`);
  return result;
}

// Hugging Face makes U+FFFD of each byte that is no UTF-8, Wattle keeps the byte; U+FFFD is the only
// way to write it in JSON.
const comparable = (text) => JSON.stringify(text.replace(/\ufffd+/g, '\ufffd'));

// Since 0.23, tokenizers writes a normalised added token in its normalised form; Wattle as it is.
const IDS_ONLY = new Set(['flags']);

async function encodeByJudge(file, strings) {
  const tokenizer = judge.fromFile(file);
  const ids = [];
  const texts = [];
  for (const text of strings) {
    const encoded = (await tokenizer.encode(text, null, {})).getIds();
    ids.push(encoded.join(' '));
    texts.push(await tokenizer.decode(encoded, true));
  }
  return { ids, texts };
}

function encodeByRewrite(json, strings) {
  const tokenizer = new Rewrite(structuredClone(json), {});
  return strings.map((text) => tokenizer.encode(text).ids.join(' '));
}

function differences(what, strings, ours, theirs, shown) {
  let n = 0;
  for (let i = 0; i < strings.length; ++i) {
    if (ours[i] === theirs[i]) continue;
    if (n++ < shown) {
      console.log(`  ${what} of ${JSON.stringify(strings[i])}`);
      console.log(`    wattle ${ours[i]}\n    other  ${theirs[i]}`);
    }
  }
  return n;
}

const base = given ? JSON.parse(readFileSync(given, 'utf8')) : makeSmall();
const variants = makeVariants(base);
const names = Object.keys(variants);
let nStrings = 0;
let failed = 0;
let rewriteDiffers = 0;
for (const [i, name] of names.entries()) {
  // Most strings for the file as it is, the rest shared by the variants.
  const n = name === 'given' ? Math.ceil(count / 2)
    : Math.max(1, Math.floor(count / 2 / (names.length - 1)));
  const strings = makeStrings(n, 1000 + i);
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(variants[name]));
  const ours = runWattle(file, ['--parse-special'], strings.map((s) => JSON.stringify(s)));
  let wrong = 0;
  if (judge) {
    const theirs = await encodeByJudge(file, strings);
    wrong = differences('ids', strings, ours, theirs.ids, 3);
    if (!IDS_ONLY.has(name)) {
      const decoded = runWattle(file, ['--decode'], theirs.ids).map((s) => JSON.parse(s));
      wrong += differences('text', strings, decoded.map(comparable), theirs.texts.map(comparable), 3);
    }
  }
  let rewrite = '';
  try {
    const other = encodeByRewrite(variants[name], strings);
    const n2 = differences('', strings, ours, other, 0);
    rewriteDiffers += n2;
    rewrite = `, @huggingface/tokenizers differs in ${n2}`;
    if (!judge && name === 'given') wrong += n2;
  } catch (error) {
    rewrite = `, @huggingface/tokenizers: ${error.message.slice(0, 60)}`;
  }
  nStrings += n;
  failed += wrong;
  console.log(`${wrong ? 'DIFFERS' : 'agrees '} ${name}: ${n} strings, ${wrong} differences${rewrite}`);
}
console.log(`${nStrings} strings, ${names.length} tokenizers: ${failed} differences from ` +
  `${judge ? 'tokenizers' : '@huggingface/tokenizers'}` +
  (judge ? ` (@huggingface/tokenizers differs in ${rewriteDiffers})` : ''));
process.exit(failed ? 1 : 0);
