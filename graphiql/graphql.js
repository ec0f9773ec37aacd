/** Asks the API one thing: its data, or an error that says in words what went wrong. */
export async function ask(query, variables, token) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  let answer;
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers,
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(10_000),
    });
    answer = await response.json();
  } catch {
    throw new Error("The server did not answer. Please try again.");
  }
  if (answer.errors) throw new Error(answer.errors[0].message);
  return answer.data;
}
