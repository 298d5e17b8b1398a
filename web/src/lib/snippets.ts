/** Code that calls the gateway, ready to run. */
export interface CallTarget {
  gateway: string;
  key: string;
  model: string;
}

export function snippets({ gateway, key, model }: CallTarget): { name: string; code: string }[] {
  const url = `${gateway.replace(/\/$/, "")}/v1`;
  const inPython = key.startsWith("$") ? `os.environ["${key.slice(1)}"]` : `"${key}"`;
  const inNode = key.startsWith("$") ? `process.env.${key.slice(1)}` : `"${key}"`;
  return [
    {
      name: "curl",
      code: `curl ${url}/chat/completions \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": ${JSON.stringify(model)},
       "messages": [{"role": "user", "content": "Say hello"}]}'`,
    },
    {
      name: "Python",
      code: `${inPython.startsWith("os") ? "import os\n" : ""}from openai import OpenAI

client = OpenAI(base_url="${url}", api_key=${inPython})
reply = client.chat.completions.create(
    model=${JSON.stringify(model)},
    messages=[{"role": "user", "content": "Say hello"}],
)
print(reply.choices[0].message.content)`,
    },
    {
      name: "Node",
      code: `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${url}", apiKey: ${inNode} });
const reply = await client.chat.completions.create({
  model: ${JSON.stringify(model)},
  messages: [{ role: "user", content: "Say hello" }],
});
console.log(reply.choices[0].message.content);`,
    },
  ];
}
