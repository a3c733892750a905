// A Reel2Sim client: resumable uploads, operations that survive lost connections, checked downloads.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

// proto/baseline.binpb: the services as they were promised with the last release, and what they
// import, so that no other .proto file is needed.
const PROTOS = new URL("../../proto/baseline.binpb", import.meta.url);
const CHUNK = 1 << 20;
const ATTEMPTS = 10;

export class Client {
  // options.token: bearer token; options.credentials: grpc credentials, plain text by default.
  static async connect(address, { token, credentials = grpc.credentials.createInsecure() } = {}) {
    const definition = loader.loadFileDescriptorSetFromBuffer(await readFile(PROTOS), {
      keepCase: true, // persisted_size, as in the protos
      longs: Number, // sizes are below 2^53
      enums: String,
      defaults: true,
      oneofs: true,
    });
    return new Client(address, definition, token, credentials);
  }

  constructor(address, definition, token, credentials) {
    this.metadata = new grpc.Metadata();
    if (token) this.metadata.set("authorization", `Bearer ${token}`);
    const { reel2sim, google } = grpc.loadPackageDefinition(definition);
    const stub = (Service) => new Service(address, credentials);
    this.artifacts = stub(reel2sim.v1.Artifacts);
    this.pipeline = stub(reel2sim.v1.Pipeline);
    this.events = stub(reel2sim.v1.OperationEvents);
    this.operations = stub(google.longrunning.Operations);
    this.RunResponse = definition["reel2sim.v1.RunResponse"];
  }

  close() {
    for (const stub of [this.artifacts, this.pipeline, this.events, this.operations]) stub.close();
  }

  // The answer of a unary call.
  call(stub, method, request, seconds = 30) {
    const options = { deadline: Date.now() + 1000 * seconds };
    return new Promise((resolve, reject) => {
      stub[method](request, this.metadata, options, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
  }

  // Put a file into the store; the artifact. Bytes that an earlier attempt with the same uploadId
  // brought over are not sent again. With stopAfter, break off after so many bytes.
  async upload(path, { uploadId, format = "ARTIFACT_FORMAT_FILE", stopAfter, onOffset } = {}) {
    const { size } = await stat(path);
    const sha256 = await digest(path);
    for (let attempt = 1; ; attempt++) {
      const state = await this.call(this.artifacts, "GetUpload", { upload_id: uploadId });
      onOffset?.(state.persisted_size);
      try {
        return await this.#send(path, state.persisted_size, size, sha256, stopAfter, {
          upload_id: uploadId,
          format,
          filename: basename(path),
        });
      } catch (error) {
        if (error.code !== grpc.status.UNAVAILABLE || attempt === ATTEMPTS) throw error;
      }
    }
  }

  async #send(path, from, size, sha256, stopAfter, spec) {
    const file = await open(path);
    let call;
    const answered = new Promise((resolve, reject) => {
      call = this.artifacts.Upload(this.metadata, (error, answer) =>
        error ? reject(error) : resolve(answer.artifact),
      );
    });
    let failed = false;
    answered.catch(() => (failed = true));
    // The stream buffers what the connection cannot take yet: wait until it wants more.
    const write = (message) =>
      call.write(message) || failed
        ? undefined
        : Promise.race([new Promise((resume) => call.once("drain", resume)), answered.catch(() => {})]);
    try {
      await write({ spec, offset: from });
      const buffer = Buffer.alloc(CHUNK);
      for (let offset = from; offset < size && !failed; ) {
        if (stopAfter !== undefined && offset - from >= stopAfter) {
          call.end(); // without `finish` nothing is committed, and what arrived is kept
          return await answered;
        }
        const { bytesRead } = await file.read(buffer, 0, CHUNK, offset);
        if (bytesRead === 0) throw new Error(`${path} became shorter`);
        await write({ offset, data: Buffer.from(buffer.subarray(0, bytesRead)) });
        offset += bytesRead;
      }
      if (!failed) call.write({ offset: size, finish: { size_bytes: size, sha256 } });
      call.end();
      return await answered;
    } finally {
      await file.close();
    }
  }

  // Start the whole chain. The same requestId answers with the same operation.
  run(requestId, { source, prompt, config }) {
    return this.call(this.pipeline, "Run", { request_id: requestId, source, prompt, config });
  }

  // Tell `onEvent` of each event, once and in order; the finished operation.
  async watch(name, onEvent) {
    let seen = 0;
    for (let attempt = 1; ; attempt++) {
      const call = this.events.WatchOperation({ name, after_sequence: seen }, this.metadata);
      try {
        for await (const event of call) {
          seen = event.sequence;
          onEvent(event);
          if (event.operation) return event.operation;
        }
      } catch (error) {
        if (error.code !== grpc.status.UNAVAILABLE || attempt === ATTEMPTS) throw error;
      }
    }
  }

  // The response of an operation that succeeded.
  bundleOf(operation) {
    if (operation.result === "error") throw new Error(operation.error.message);
    const { type_url, value } = operation.response;
    if (!type_url.endsWith("/reel2sim.v1.RunResponse")) throw new Error(`unexpected ${type_url}`);
    return this.RunResponse.deserialize(value).bundle;
  }

  // Fetch an artifact into a new file and check its digest; resumes after lost connections.
  async download(wanted, path) {
    const file = await open(path, "wx");
    const found = createHash("sha256");
    let offset = 0;
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          const call = this.artifacts.Download({ digest: wanted, offset }, this.metadata);
          for await (const piece of call) {
            await file.write(piece.data);
            found.update(piece.data);
            offset += piece.data.length;
          }
          break;
        } catch (error) {
          if (error.code !== grpc.status.UNAVAILABLE || attempt === ATTEMPTS) throw error;
        }
      }
    } finally {
      await file.close();
    }
    if (found.digest("hex") !== wanted) throw new Error(`${path} is damaged`);
    return offset;
  }
}

async function digest(path) {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest("hex");
}
