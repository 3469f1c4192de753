import { OptionDefaults } from "typedoc";

export default {
  entryPoints: ["src/node.ts", "src/browser.ts", "src/testing.ts", "src/vitest.ts"],
  out: "docs",
  readme: "README.md",
  excludePrivate: true,
  excludeInternal: true,
  // protoc-gen-es notes with it what a type was generated from.
  blockTags: [...OptionDefaults.blockTags, "@generated"],
  excludeTags: ["@generated"],
};
