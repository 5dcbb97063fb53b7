import Base

extension Qwen35 {
  /// The prefixes under which a checkpoint keeps the parts of a Qwen3.5.
  ///
  /// Published checkpoints, text-only ones, and those written by MLX each have their own; which one a checkpoint uses is
  /// read from the tensors it holds.
  package struct Names: Sendable, Equatable {
    /// Before `embed_tokens.weight`, `layers.0.…`, `norm.weight`.
    package var text = "model.language_model."
    /// Before `lm_head.weight`.
    package var head = ""
    /// Whether the head serves as the embedding table, which has no tensor of its own.
    package var headIsTable = false
    /// Before `fc.weight`, `layers.0.…`; nil without an MTP block.
    package var mtp: String?
    /// Before `patch_embed.proj.weight`, `blocks.0.…`; nil without a vision encoder.
    package var vision: String?

    /// The embedding table.
    package var tableName: String { headIsTable ? headName : text + "embed_tokens.weight" }
    /// The head.
    package var headName: String { head + "lm_head.weight" }

    /// The name that a tensor of a published name has here.
    package func saved(_ published: String) -> String {
      let own = Names()
      if published == own.tableName { return tableName }
      if published == own.headName { return headName }
      for (known, here) in [(own.text, text), (own.mtp, mtp), (own.vision, vision)] {
        if let known, let here, published.hasPrefix(known) { return here + published.dropFirst(known.count) }
      }
      return published
    }

    /// The names of published checkpoints, with every part.
    package init() {
      mtp = "mtp."
      vision = "model.visual."
    }

    /// The prefixes under which these tensors lie.
    package init(tensors: Set<BinaryString>) {
      let texts = ["model.language_model.", "language_model.model.", "model.", "language_model.", ""]
      // Where the table is missing, its prefix is that of the last norm.
      let found = ["embed_tokens.weight", "norm.weight"].lazy.compactMap { name in
        texts.first { tensors.contains(BinaryString($0 + name)) }
      }
      text = found.first ?? texts[0]
      head = ["", "language_model.", text].first { tensors.contains(BinaryString($0 + "lm_head.weight")) } ?? ""
      mtp = ["mtp.", "model.mtp.", "language_model.mtp.", "model.language_model.mtp."].first { prefix in
        tensors.contains { $0.text.hasPrefix(prefix) }
      }
      vision = ["model.visual.", "visual.", "vision_tower.", "model.vision_tower."].first { prefix in
        tensors.contains { $0.text.hasPrefix(prefix) }
      }
    }
  }
}
