// A company's own sign-in for the journeys: a real OpenID Connect provider on loopback, and its domain's DNS.
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import Provider from "oidc-provider";

export const client = { id: "driveline", secret: "a-secret-that-only-two-know" };

// `people`: login → what the provider says of them. Returns { address, close }.
export async function startIssuer(redirect, people) {
  const server = createServer();
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const address = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(address, {
    clients: [{ client_id: client.id, client_secret: client.secret, redirect_uris: [redirect] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    features: { devInteractions: { enabled: false } },
    cookies: { keys: ["of-a-journey"] },
    interactions: { url: (_, interaction) => `/login/${interaction.uid}` },
    findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
    // Who may use the application is decided by who has an account: nothing more is asked.
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 60, IdToken: 300, Interaction: 300, Session: 300 },
  });
  const rest = provider.callback();
  server.on("request", (request, response) => {
    const answer = request.url.startsWith("/login/") ? login(provider, people, request, response) : rest(request, response);
    Promise.resolve(answer).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  });
  return {
    address,
    close: () => new Promise((closed) => {
      server.close(closed);
      server.closeAllConnections();
    }),
  };
}

async function login(provider, people, request, response) {
  if (request.method === "GET") {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<!DOCTYPE html><html lang="en"><title>Login at work</title><link rel="icon" href="data:,"><h1>Login at work</h1>
      <form method="post"><label>Login <input name="login"></label>
      <button name="what" value="in">Log in</button> <button name="what" value="no">I am not allowed</button></form></html>`);
    return;
  }
  let body = "";
  for await (const chunk of request) body += chunk;
  const typed = new URLSearchParams(body);
  const known = typed.get("what") === "in" && people[typed.get("login")];
  const result = known
    ? { login: { accountId: typed.get("login"), remember: false } }
    : { error: "access_denied", error_description: "You are not assigned to Driveline. Ask the help desk, extension 12." };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

// A name server that knows TXT records only, at the address that the stack asks. Returns { say(name, text), close }.
export async function startNames(address) {
  const [host, port] = address.split(":");
  const records = new Map();
  const socket = createSocket("udp4");
  socket.on("message", (asked, from) => socket.send(answered(asked, records), from.port, from.address));
  await new Promise((ready, failed) => socket.on("error", failed).bind(Number(port), host, ready));
  return { say: (name, text) => records.set(name, text), close: () => new Promise((closed) => socket.close(closed)) };
}

// RFC 1035, 4.1: the question back, and one TXT record where the name has one, else "no such name".
function answered(asked, records) {
  const labels = [];
  let at = 12;
  for (; asked[at] !== 0; at += 1 + asked[at]) labels.push(asked.toString("latin1", at + 1, at + 1 + asked[at]).toLowerCase());
  const head = Buffer.from(asked.subarray(0, at + 5));
  const text = records.get(labels.join("."));
  head.writeUInt16BE(text === undefined ? 0x8403 : 0x8400, 2);
  head.writeUInt16BE(text === undefined ? 0 : 1, 6);
  head.fill(0, 8, 12);
  if (text === undefined) return head;
  const said = Buffer.from(text, "latin1");
  return Buffer.concat([head, Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 0, 0, said.length + 1, said.length]), said]);
}
