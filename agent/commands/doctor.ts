/** `doctor`: tries what the role needs, and says what is wrong and how to mend it, a line each. */
import type { Config } from "../config/config.ts";
import { examine } from "../doctor/examine.ts";
import { type Finding, fail, formatFinding, summary } from "../doctor/finding.ts";
import { ConfigurationError, messageOf } from "../lib/errors.ts";
import { Log } from "../observe/log.ts";
import { exitCode } from "./exit-code.ts";

/** Returns the exit code. @param print is called with each line as soon as it is known */
export async function doctor(config: Config, print: (text: string) => Promise<unknown>): Promise<number> {
  const { name, role } = config;
  // What goes wrong is said by the findings; the client's own words only help who asks for them.
  const level = config.log.level === "debug" ? "debug" : "error";
  const log = new Log({ level, format: config.log.format, agent: name });
  const findings: Finding[] = [];
  const say = async (finding: Finding) => {
    findings.push(finding);
    await print(`${formatFinding(finding)}\n`);
  };
  await print(`${role} ${name}, brokers ${config.kafka.brokers.join(", ")}\n`);
  try {
    for await (const finding of examine(config, log)) await say(finding);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    await say(fail("configuration", messageOf(error), "correct kafka.options or kafka.tls"));
    return exitCode.misconfigured;
  }
  await print(`${summary(findings)}\n`);
  return findings.some((finding) => finding.level === "fail") ? exitCode.failed : exitCode.done;
}
