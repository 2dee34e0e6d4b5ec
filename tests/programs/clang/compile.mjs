// Compiles the programs beside this file with the compiler unpacked in ./package: node compile.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { runClang } from "./package/gen/bundle.js";

async function compile(command, sources, out) {
    const files = Object.fromEntries(sources.map(name => [name, readFileSync(name, "utf8")]));
    const result = await runClang(command, files);
    writeFileSync(out, result[out]);
}

await compile(["clang", "-O2", "workout.c", "table.c", "-o", "workout.wasm"], ["workout.c", "table.c", "table.h"], "workout.wasm");
await compile(["clang++", "-O1", "-std=c++17", "-fno-exceptions", "words.cc", "-o", "words.wasm"], ["words.cc"], "words.wasm");
