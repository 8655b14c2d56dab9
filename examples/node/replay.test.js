// Replays every script of auth-core/scripts: node --test.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

import { replay } from "./replay.js";

const SCRIPTS = new URL("../../auth-core/scripts/", import.meta.url);

test("every script is the same in Node", async (context) => {
  const names = (await readdir(SCRIPTS)).filter((name) => name.endsWith(".json"));
  assert.ok(names.length >= 100, `only ${names.length} scripts`);
  for (const name of names) {
    const script = JSON.parse(await readFile(new URL(name, SCRIPTS), "utf8"));
    await context.test(name, () => replay(script));
  }
});
