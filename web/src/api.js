/** The plain HTTP side: JSON in and out, and errors that say who must act. */

// Longer than a slow read of the database, shorter than people's patience.
const TIMEOUT_MS = 10_000;

/** The server answered, and said no. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail || problem?.title || `the server answered ${status}`);
    this.status = status;
  }
}

/** No usable answer came: the network, a proxy's error page, or a server that is starting. */
export class Unanswered extends Error {}

/** Return a function that asks the server for `path`, by `GET` unless told otherwise. */
export function makeApi(fetch) {
  return async function ask(path, { method = "GET", body } = {}) {
    const response = await request(fetch, path, method, body);
    if (response.status === 204) return null;
    const answer = await response.json().catch(() => null);
    if (response.ok && answer !== null) return answer;
    // Nobody but our own server speaks JSON here: anything else came from something in between.
    if (answer === null) throw new Unanswered(`the server answered ${response.status}`);
    throw new Refused(response.status, answer);
  };
}

async function request(fetch, path, method, body) {
  try {
    return await fetch(path, {
      method,
      // A board shows what is: a copy of the browser's counts only when the server says that it
      // is still good (304), which costs neither of them a body.
      cache: "no-cache",
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
  } catch (error) {
    throw new Unanswered("the server does not answer", { cause: error });
  }
}
