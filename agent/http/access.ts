/** Who may ask: the holder of the token, if there is one, and nobody by a trick with another host's name. */

/**
 * Whether a request carries the token: as `Authorization: Bearer TOKEN`, or as the password of a Basic login with any
 * user, which is how a browser asks a person for it. Never in the address: that ends up in histories and logs.
 */
export function carriesToken(authorization: string | null, token: string): boolean {
  const [, scheme = "", credentials = ""] = /^(\w+) +(\S+)$/.exec(authorization ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return isSame(credentials, token);
  if (scheme.toLowerCase() !== "basic") return false;
  const login = Buffer.from(credentials, "base64").toString("utf8");
  return isSame(login.slice(login.indexOf(":") + 1), token);
}

/** Makes a browser ask for the login. Alone: browsers do not look for it behind another scheme in the same header. */
export const challenge = 'Basic realm="streamsend-agent", charset="UTF-8"';

/** Takes the same time wherever two texts differ, and however long they are. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest();
  return crypto.timingSafeEqual(digest(given), digest(wanted));
}

/**
 * Whether a request to a loopback address names another host: a page from elsewhere whose host name was made to lead to
 * this machine, so that the browser takes what it reads here for its own (DNS rebinding).
 */
export function isRebound(listenHost: string, hostHeader: string | null): boolean {
  if (!isLoopback(listenHost) || hostHeader === null) return false;
  const host = hostHeader.replace(/:\d*$/, "");
  return !(/^\[[0-9A-Fa-f:.]+\]$/.test(host) || /^[0-9.]+$/.test(host) || host.toLowerCase() === "localhost");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
