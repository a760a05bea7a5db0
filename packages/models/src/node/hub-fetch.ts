/** Requests to a hub: the token is sent only to the hub, and answers of other servers are detected. */
import { CheckpointError } from "jaxscale";
import { quoted } from "../checkpoint-error.ts";

/** The answer is not from a hub: the login page of a network, or a redirect loop. */
export class NoHubError extends CheckpointError {
  override get name(): string {
    return "CheckpointError";
  }
}

/**
 * A `fetch` for the hub's library. The library sends the token to every address in the answers of the hub; this function sends it to the
 * origin of the hub only. On redirects `fetch` drops the token.
 * @param token of the hub
 */
export function hubFetch(hubUrl: string, token: string | undefined, signal: AbortSignal | undefined): typeof fetch {
  const { origin } = new URL(hubUrl);
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    if (url.origin !== origin && headers.get("Authorization") === `Bearer ${token}`) headers.delete("Authorization");
    const answer = await fetch(input, { ...init, headers, signal }).catch((error: unknown) => {
      throw circular(error) ? new NoHubError(`${where(url)}: must answer; got one redirect after the other`) : error;
    });
    // No requested file is HTML.
    if (answer.ok && answer.headers.get("Content-Type")?.startsWith("text/html")) {
      await answer.body?.cancel();
      throw new NoHubError(
        `${where(url)}: must answer as a hub does; got a web page, such as a network shows to those who are not signed in`,
      );
    }
    return answer;
  };
}

const where = ({ origin, pathname }: URL): string => quoted(`${origin}${pathname}`);

// The message of Node's fetch, whose error carries no other detail.
const circular = (error: unknown): boolean =>
  error instanceof TypeError && (error.cause as Error | undefined)?.message === "redirect count exceeded";
