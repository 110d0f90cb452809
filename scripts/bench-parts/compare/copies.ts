/** Tools that copy files to another machine without Kafka: rsync over ssh and rclone over SFTP, both to this machine's own loopback. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { syncDisks } from "../files.ts";
import type { Contestant } from "./contestant.ts";
import { SshServer } from "./ssh-server.ts";

/** The command that copies what is in `source`, a folder or a file, into the folder `target`. */
type Copy = (server: SshServer, source: string, target: string) => readonly string[];

const rsync =
  (...options: readonly string[]): Copy =>
  (server, source, target) => {
    const shell = server.command.join(" ");
    return ["rsync", "-a", ...options, "-e", shell, source, `127.0.0.1:${target}/`];
  };

const rclone: Copy = (server, source, target) => {
  const login = { user: server.user, port: server.port, key_file: server.userKey };
  // By default it starts md5sum for each file on the other side: a hundred times the work for a small one.
  const check = { disable_hashcheck: source.endsWith("/") };
  const settings = Object.entries({ ...login, ...check, known_hosts_file: server.knownHosts });
  const place = settings.map(([name, value]) => `${name}="${value}"`).join(",");
  return ["rclone", "--config", "", "copy", source, `:sftp,host=127.0.0.1,${place}:${target}`];
};

const tools: readonly { kind: string; row: string; copy: Copy }[] = [
  { kind: "rsync", row: "rsync -a over ssh", copy: rsync() },
  { kind: "rsync", row: "rsync -a --fsync over ssh", copy: rsync("--fsync") },
  { kind: "rclone", row: "rclone copy over SFTP", copy: rclone },
];

export interface Copies {
  contestants: readonly Contestant[];
  stop(): Promise<void>;
}

/** @param source a file, or a folder that ends with a slash, of which the content is copied */
export async function copies(
  bench: Bench,
  wanted: (kind: string) => boolean,
  source: string,
): Promise<Copies> {
  const chosen = tools.filter(({ kind }) => wanted(kind));
  if (chosen.length === 0) return { contestants: [], stop: async () => undefined };
  const server = await SshServer.start(bench);
  const folder = await bench.newFolder("copies");
  let count = 0;
  const contestants = chosen.map(({ row, copy }): Contestant => {
    const run = async () => {
      const target = join(folder, String(count++));
      await mkdir(target);
      await syncDisks();
      const { client, server: receiver } = await server.whileServing(copy(server, source, target));
      // What many files left behind stays until the end: see small-files.ts.
      if (!source.endsWith("/")) await rm(target, { recursive: true });
      return [{ seconds: client.seconds, sender: client, receiver }];
    };
    return { rows: [row], run };
  });
  return { contestants, stop: () => server.stop() };
}
