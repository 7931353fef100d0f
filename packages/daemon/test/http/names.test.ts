import { expect, test } from "vitest";
import { makeNames } from "../../src/http/names.ts";
import { CERTIFICATE } from "./certificate.ts";

test("an address is known exactly: a name of ours with our port", () => {
  const names = makeNames("build.local", null, ["proxy.example:80"]);
  const known = [
    "localhost:7170",
    "LocalHost:7170",
    "127.0.0.1:7170",
    "[::1]:7170",
    "build.local:7170",
    "proxy.example:80",
  ];
  const others = [
    undefined,
    "",
    "localhost",
    "localhost:7171",
    "localhost:07170x",
    "localhost.:7170",
    "a.localhost:7170",
    "127.0.0.1:7170:7170",
    "127.0.0.1@evil:7170",
    "evil#localhost:7170",
    "::1:7170",
    "[::1",
    "0.0.0.0:7170",
    "127.0.0.2:7170",
    "build.local.evil:7170",
    "proxy.example",
    "proxy.example:7170",
  ];
  expect(known.filter((host) => !names.mayBe(host, 7170))).toEqual([]);
  expect(others.filter((host) => names.mayBe(host, 7170))).toEqual([]);
});

test("the port of the scheme may be left out", () => {
  expect(makeNames("localhost", null, []).mayBe("localhost", 80)).toBe(true);
  expect(makeNames("localhost", CERTIFICATE, []).mayBe("localhost", 443)).toBe(true);
  expect(makeNames("localhost", CERTIFICATE, []).mayBe("localhost", 80)).toBe(false);
});

test("with TLS the names of the certificate are ours, and an origin has to be https", () => {
  const names = makeNames("0.0.0.0", CERTIFICATE, []);
  expect(names.mayBe("build.example:7170", 7170)).toBe(true);
  expect(names.mayBe("10.77.0.10:7170", 7170)).toBe(true);
  expect(names.mayBe("evil.example:7170", 7170)).toBe(false);
  expect(names.isOurOrigin("https://build.example:7170", 7170)).toBe(true);
  expect(names.isOurOrigin("http://build.example:7170", 7170)).toBe(false);
  expect(names.isOurOrigin("null", 7170)).toBe(false);
});
