// Works QuickJS and the file system, and prints what must come out on every machine: qjs --std -m workout.js DIR
import * as std from "qjs:std";
import * as os from "qjs:os";

const top = scriptArgs[scriptArgs.length - 1] + "/workout";

function check(what, condition) {
    if (!condition) {
        print(`FAILED: ${what}`);
        std.exit(1);
    }
}

function ok(result, what) {
    check(`${what}: ${std.strerror(-result)}`, result >= 0);
    return result;
}

// Files: written, listed, measured, renamed, removed.
ok(os.mkdir(top, 0o755), "mkdir");
const count = 1000;
for (let n = 0; n < count; n++) {
    const file = std.open(`${top}/f${n}`, "w");
    file.puts(`file ${n}\n`.repeat(n % 5 + 1));
    file.close();
}
const [names, failed] = os.readdir(top);
ok(-failed, "readdir");
const files = names.filter(name => name !== "." && name !== "..").sort();
let size = 0;
for (const name of files) {
    const [stat, error] = os.stat(`${top}/${name}`);
    ok(-error, "stat");
    size += stat.size;
}
print(`files: ${files.length}, ${size} bytes`);
ok(os.rename(`${top}/f0`, `${top}/renamed`), "rename");
print(`renamed: ${std.loadFile(`${top}/renamed`).trim()}, old: ${std.loadFile(`${top}/f0`)}`);
ok(os.rename(`${top}/renamed`, `${top}/f0`), "rename back");

// Positions within a file.
const file = std.open(`${top}/seek`, "w+");
file.puts("0123456789");
file.seek(4, std.SEEK_SET);
file.puts("abc");
file.seek(0, std.SEEK_SET);
print(`seek: ${file.readAsString()}`);
file.close();
const descriptor = ok(os.open(`${top}/seek`, os.O_RDWR | os.O_APPEND), "open");
ok(os.write(descriptor, new Uint8Array([33, 10]).buffer, 0, 2), "write");
ok(os.close(descriptor), "close");
print(`appended: ${std.loadFile(`${top}/seek`).trim()}`);

// A module that is written and then imported.
const module = std.open(`${top}/written.mjs`, "w");
module.puts("export const answer = [...Array(20).keys()].reduce((sum, n) => sum + n * n, 0);\n");
module.close();
const { answer } = await import(`${top}/written.mjs`);
print(`imported: ${answer}`);

// JSON through a file.
const rows = Array.from({ length: 5000 }, (_, n) => ({ id: n, name: `näme ${n}`, tags: [n % 3, n % 7] }));
const json = std.open(`${top}/rows.json`, "w");
json.puts(JSON.stringify(rows));
json.close();
const back = JSON.parse(std.loadFile(`${top}/rows.json`));
print(`json: ${back.length} rows, ${back.reduce((sum, row) => sum + row.tags[1], 0)}, ${back[4999].name}`);

// Computing: primes, big integers, regular expressions, sorting.
const sieve = new Uint8Array(1_000_000).fill(1);
let primes = 0;
for (let n = 2; n < sieve.length; n++) {
    if (!sieve[n]) continue;
    primes++;
    for (let m = n * n; m < sieve.length; m += n) sieve[m] = 0;
}
let factorial = 1n;
for (let n = 2n; n <= 300n; n++) factorial *= n;
const text = "the quick brown fox jumps over the lazy dog ".repeat(1000);
const words = [...text.matchAll(/\b(\w*o\w*)\b/g)].length;
let seed = 42;
const numbers = Array.from({ length: 100_000 }, () => (seed = (seed * 1103515245 + 12345) % 2147483648));
numbers.sort((a, b) => a - b);
print(`computing: ${primes} primes, ${factorial % 1_000_000_007n}, ${words} words, median ${numbers[50_000]}`);

// Timers end in their order.
const order = [];
await Promise.all([30, 10, 20].map(ms => new Promise(done => os.setTimeout(() => { order.push(ms); done(); }, ms))));
print(`timers: ${order.join(" ")}`);

for (const name of os.readdir(top)[0]) {
    if (name !== "." && name !== "..") ok(os.remove(`${top}/${name}`), `remove ${name}`);
}
ok(os.remove(top), "remove the directory");
check("the directory is gone", os.stat(top)[1] !== 0);
print("workout: done");
