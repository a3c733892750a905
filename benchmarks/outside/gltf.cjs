// Khronos' validator. `node gltf.cjs REPORT GLB` writes findings to REPORT as JSON.
// NODE_PATH leads to where gltf-validator is installed.
const fs = require("node:fs");
const validator = require("gltf-validator");

const [report, path] = process.argv.slice(2);
const severities = ["error", "warning"];

validator
  .validateBytes(new Uint8Array(fs.readFileSync(path)), { maxIssues: 100 })
  .then((result) => {
    const findings = result.issues.messages
      .filter((issue) => issue.severity < severities.length)
      .map((issue) => ({
        where: issue.pointer || `byte ${issue.offset}`,
        message: `${severities[issue.severity]} ${issue.code}: ${issue.message}`,
      }));
    const notes = [`gltf-validator ${validator.version()}`];
    fs.writeFileSync(report, JSON.stringify({ findings, notes }));
  })
  .catch((fault) => {
    console.error(String(fault));
    process.exit(2);
  });
