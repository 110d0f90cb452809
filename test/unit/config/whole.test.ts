/** A configuration with every section, each with what changes nothing, is taken for both roles. */
import { expect, test } from "bun:test";
import { formatSettings } from "../../../agent/commands/check.ts";
import { load } from "./loading.ts";

const whole = `
name: pos-0042
shutdown_timeout: 30s

kafka:
  brokers: [localhost:9092]
  topic: streamsend
  ledger: streamsend.ledger
  create_topics: true
  partitions: 1
  ledger_partitions: 64
  replication: -1
  retention: 7d
  tls: { enabled: false, ca: /path, cert: /path, key: /path, key_password: "", ciphers: "", verify_hostname: true }
  sasl: { mechanism: scram-sha-512, username: u, password: p }
  options: {}

uploader:
  watch:
    - path: /var/spool/outbox
      as: ""
      include: ["**/*"]
      exclude: []
      recursive: true
      attributes: {}
      live: []
  settle: 5s
  max_age: off
  existing: true
  rescan: 60s
  rescan_content: off
  chunk: auto
  checksum: md5
  compression: none
  partitioning: file
  in_flight: 8MiB
  parallel: 4
  rate: off
  after: keep
  after_when: delivered
  after_groups: [streamsend]
  move_to: /var/spool/sent
  test_file: { every: off, bytes: 1MiB }
  live: { checkpoint: 1s, idle: 30s, suffix: "", marker: "", give_up: 24h, max_bytes: off, reference: "" }
  records: {}

downloader:
  output: /srv/inbox
  group: streamsend
  layout: "{uploader}/{path}"
  start: earliest
  on_change: replace
  min_free: 256MiB
  keep_mtime: true
  require_mount: false
  file_mode: "0644"
  dir_mode: "0755"
  give_up: 30d
  events: { topic: off }
  tables: {}

encryption:
  recipients: []
  senders: []

http: { listen: 127.0.0.1:9480, token: "", tokens: [] }
log: { level: info, format: text, chunks: true }
`;

for (const role of ["uploader", "downloader"]) {
  test(`as ${role}, and so is what check prints of it`, async () => {
    const { config, settings } = await load(`role: ${role}${whole}`);
    expect(config.role).toBe(role as "uploader");
    // The password is not printed.
    const printed = formatSettings({ settings }).replace("***", "p");
    expect((await load(printed)).settings[role as "uploader"]).toEqual(settings[role as "uploader"]);
  });
}
