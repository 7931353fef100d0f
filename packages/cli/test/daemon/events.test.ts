import { expect, test } from "vitest";
import { eventData } from "../../src/daemon/events.ts";

async function* chunks(...texts: readonly string[]): AsyncGenerator<string> {
  for (const text of texts) yield await Promise.resolve(text);
}

async function dataOf(...texts: readonly string[]): Promise<string[]> {
  const all: string[] = [];
  for await (const data of eventData(chunks(...texts))) all.push(data);
  return all;
}

test("events are read whichever way the network cuts them", async () => {
  const stream = ': events\n\nid: 1\nevent: a\ndata: {"seq":1}\n\n: still here\n\nid: 2\r\ndata: {"seq":2}\r\n\r\n';
  for (const length of [1, 2, 3, 7, 1_000]) {
    const parts = stream.match(new RegExp(`[^]{1,${length}}`, "g"))!;
    expect(await dataOf(...parts)).toEqual(['{"seq":1}', '{"seq":2}']);
  }
});

test("an event that the end cut off is left out", async () => {
  expect(await dataOf("data: 1\n\ndata: 2\n")).toEqual(["1"]);
});

test("data of several lines is one event", async () => {
  expect(await dataOf("data: a\ndata:b\n\n")).toEqual(["a\nb"]);
});
