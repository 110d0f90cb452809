/**
 * Requests that the client sends to the controller, which are all about topics and their settings. It takes for that whichever broker the metadata named
 * last, in a cluster with KRaft any one, and waits for it also when it is away: until it hears of another one with the next metadata, minutes later
 * (librdkafka 2.15.1). So it is told to ask for that while no answer comes.
 */
import type { Client } from "../connection/client.ts";
import { ask } from "../errors.ts";

/** As long may an answer take on a slow link before it is worth a request of some hundred bytes. */
const askAgainMs = 3000;

/** What `ask` does. */
export async function askController<Answer>(
  client: Client,
  what: string,
  call: (answer: (error: unknown, answer?: Answer) => void) => void,
): Promise<Answer> {
  const timer = setInterval(() => refreshMetadata(client), askAgainMs);
  try {
    return await ask(what, call);
  } finally {
    clearInterval(timer);
  }
}

/** Whether it succeeds is seen by what waits for it. */
function refreshMetadata(client: Client): void {
  if (client.isConnected()) client.getMetadata({ allTopics: false, timeout: askAgainMs }, () => undefined);
}
