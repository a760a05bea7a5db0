/** Requests to a hub: the token goes to it alone, and what answers in its place is told from it. */
import { CheckpointError } from "jaxscale";
import { quoted } from "../checkpoint-error.ts";

/** What answered, if anything did, is no hub: a network's sign-in page, a server that sends in circles. */
export class NoHubError extends CheckpointError {
  override get name(): string {
    return "CheckpointError";
  }
}

/**
 * A `fetch` for the hub's library. The library sends the token along wherever the hub's answers point it; this one sends it to the
 * hub's own origin only. On redirects `fetch` itself drops it.
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
    // Nothing that is asked for is a page.
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

// The words of Node's fetch; it throws nothing more telling.
const circular = (error: unknown): boolean =>
  error instanceof TypeError && (error.cause as Error | undefined)?.message === "redirect count exceeded";
