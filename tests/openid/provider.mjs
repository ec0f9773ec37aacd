// A provider of OpenID Connect that nobody here wrote, for the tests: node provider.mjs CLIENT_ID CLIENT_SECRET REDIRECT_URI
// It prints its address. Whoever signs in as NAME is NAME@example.com, verified unless the name begins with "unverified".

import { createServer } from "node:http";
import Provider from "oidc-provider";

const [clientId, clientSecret, redirectUri] = process.argv.slice(2);
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    findAccount: (_, name) => ({
      accountId: name,
      claims: () => ({
        sub: name,
        email: `${name}@example.com`,
        email_verified: !name.startsWith("unverified"),
        name: `${name} of the provider`,
      }),
    }),
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
