// Applications that call the gateway and are traced beside it; prints the id of the trace.
// node traced.mjs STORY PLATFORM_URL GATEWAY_URL KEY MODEL
import { OpenTelemetry } from "@ai-sdk/otel";
import { createOpenAI } from "@ai-sdk/openai";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { propagateAttributes, startActiveObservation } from "@langfuse/tracing";
import { context, propagation, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { generateText, isStepCount, jsonSchema, registerTelemetry, streamText, tool } from "ai";

const QUESTION = "What is the weather in Paris?";
const [story, platform, gateway, key, model] = process.argv.slice(2);
const baseURL = `${gateway}/v1`;

// the hook that carries the trace on
function carried(address, init) {
  const headers = {};
  propagation.inject(context.active(), headers);
  return fetch(address, { ...init, headers: { ...init.headers, ...headers } });
}

function exporter() {
  return new BatchSpanProcessor(
    new OTLPTraceExporter({ url: `${platform}/v1/traces`, headers: { authorization: `Bearer ${key}` } }),
  );
}

async function told(processor, tell) {
  const provider = new NodeTracerProvider({ spanProcessors: [processor] });
  provider.register();
  const id = await tell();
  await provider.forceFlush();
  await provider.shutdown();
  return id;
}

const weather = tool({
  description: "Tells the weather of a city.",
  inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"] }),
  execute: async ({ city }) => `sunny in ${city}`,
});

async function asking(ask) {
  registerTelemetry(new OpenTelemetry({ runtimeContext: true }));
  const openai = createOpenAI({ baseURL, apiKey: key, fetch: carried });
  return told(exporter(), () =>
    trace.getTracer("story").startActiveSpan("answer", async (root) => {
      const telemetry = { functionId: "forecast", includeRuntimeContext: { userId: true, sessionId: true } };
      await ask({
        model: openai.chat(model),
        prompt: QUESTION,
        tools: { weather },
        stopWhen: isStepCount(3),
        maxRetries: 0,
        runtimeContext: { userId: "ada", sessionId: "s-1" },
        telemetry,
      });
      root.end();
      return root.spanContext().traceId;
    }),
  );
}

const STORIES = {
  ai: () => asking(generateText),
  ai_stream: () => asking((said) => streamText(said).text),
  langfuse: () => {
    const pair = { baseUrl: platform, publicKey: "pk-lf-any", secretKey: key };
    return told(new LangfuseSpanProcessor(pair), () =>
      propagateAttributes({ traceName: "forecast", userId: "ada", sessionId: "s-1" }, () =>
        startActiveObservation("answer", (root) =>
          startActiveObservation(
            "ask",
            async (asked) => {
              const messages = [{ role: "user", content: QUESTION }];
              asked.update({ model, input: messages });
              const answer = await carried(`${baseURL}/chat/completions`, {
                method: "POST",
                headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
                body: JSON.stringify({ model, messages }),
              });
              const { choices, usage } = await answer.json();
              const usageDetails = { input: usage.prompt_tokens, output: usage.completion_tokens };
              asked.update({ output: choices[0].message, usageDetails });
              return root.traceId;
            },
            { asType: "generation" },
          ),
        ),
      ),
    );
  },
};

console.log(JSON.stringify({ trace: await STORIES[story]() }));
