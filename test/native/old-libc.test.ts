/** The C library that the addon is linked against (scripts/native/old-libc): an old one's names and versions. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, succeed } from "../support/compare.ts";

const root = join(import.meta.dir, "../..");
let folder: string;
let libc: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "streamsend-old-libc-"));
  libc = join(folder, "libc");
  await succeed(join(root, "scripts/native/old-libc"), process.arch, libc);
});

afterAll(() => rm(folder, { recursive: true }));

/** All of these calls have been moved, replaced or added since; an exception takes some of the compiler's own. Prints what it has caught. */
const program = `
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
extern "C" long __isoc23_strtol(const char*, char**, int);
extern "C" int __isoc23_sscanf(const char*, const char*, ...);
int main(int count, char** arguments) {
  std::string caught;
  std::thread([&] {
    try {
      struct stat link, found;
      if (lstat(arguments[0], &link) != 0 || stat(arguments[0], &found) != 0 || fstatat(-1, arguments[0], &found, 0) != 0) caught += "stat ";
      auto shared = std::make_shared<double>(pow(count + 2, 2));
      throw std::runtime_error(std::to_string(*shared));
    } catch (const std::exception& error) {
      caught += error.what();
    }
  }).join();
  sigset_t none;
  sigemptyset(&none);
  int number;
  bool works = __isoc23_strtol("17", nullptr, 0) == 17 && __isoc23_sscanf("17", "%d", &number) == 1 && number == 17 &&
    pthread_sigmask(SIG_BLOCK, &none, nullptr) == 0 && dlsym(RTLD_DEFAULT, "strlen") != nullptr;
  puts(caught.c_str());
  return works ? 0 : 1;
}`;

test("what is linked against it works here, and asks for no newer one", async () => {
  const { code, errors, built } = await link(
    "program",
    program,
    join(root, "scripts/native/since_old_libc.cc"),
  );
  expect([code, errors]).toEqual([0, ""]);
  const asked = await succeed("readelf", "--wide", "--version-info", built);
  const minors = [...asked.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
  expect(Math.max(...minors)).toBeLessThanOrEqual(28);
  // Where they were then.
  for (const library of ["libpthread.so.0", "libdl.so.2"]) expect(asked).toContain(` File: ${library} `);
  expect(await run([built])).toEqual({ code: 0, output: "9.000000\n", errors: "" });
});

test("a call that it does not have is named when something is linked against it", async () => {
  const { code, errors } = await link(
    "newer",
    "#include <sys/stat.h>\nint main(void) { struct stat s; return fstat(0, &s); }",
  );
  expect([code, errors]).toEqual([1, expect.stringContaining("undefined reference to `fstat'")]);
});

test("it has all that the agent calls by itself", async () => {
  const names = (await readFile(join(libc, "symbols"), "utf8")).split("\n").map((line) => line.split(" ")[0]);
  const called: string[] = [];
  for await (const file of new Bun.Glob("agent/**/*.ts").scan(root)) {
    const source = await readFile(join(root, file), "utf8");
    for (const [, symbols] of source.matchAll(/dlopen\("libc\.so\.6", \{(.*?)\}\)/gs))
      for (const [, name] of (symbols ?? "").matchAll(/(\w+): \{\s*args:/g)) called.push(name ?? "");
  }
  expect(called).toContain("memfd_create");
  expect(called.filter((name) => !names.includes(name))).toEqual([]);
});

async function link(
  name: string,
  source: string,
  ...more: string[]
): Promise<{ code: number; errors: string; built: string }> {
  const built = join(folder, name);
  await writeFile(`${built}.cc`, source);
  // As scripts/native/build does it.
  const libraries = [
    "-static-libstdc++",
    "-static-libgcc",
    "-Wl,--gc-sections",
    "-L",
    libc,
    "-lpthread",
    "-ldl",
    "-lm",
  ];
  return { ...(await run(["g++", "-std=c++20", "-o", built, `${built}.cc`, ...more, ...libraries])), built };
}
