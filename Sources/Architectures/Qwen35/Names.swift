import Tensors

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
    /// Before `fc.weight`, `layers.0.…`; nil without an MTP block.
    package var mtp: String?
    /// Before `patch_embed.proj.weight`, `blocks.0.…`; nil without a vision tower.
    package var vision: String?

    /// The names of published checkpoints, with every part.
    package init() {
      mtp = "mtp."
      vision = "model.visual."
    }

    /// The prefixes under which these tensors lie.
    package init(tensors: Set<BinaryString>) {
      let texts = ["model.language_model.", "language_model.model.", "model.", "language_model.", ""]
      text = texts.first { tensors.contains(BinaryString($0 + "embed_tokens.weight")) } ?? texts[0]
      head = tensors.contains(BinaryString("language_model.lm_head.weight")) ? "language_model." : ""
      mtp = ["mtp.", "model.mtp.", "language_model.mtp.", "model.language_model.mtp."].first { prefix in
        tensors.contains { $0.text.hasPrefix(prefix) }
      }
      vision = ["model.visual.", "visual.", "vision_tower.", "model.vision_tower."].first { prefix in
        tensors.contains { $0.text.hasPrefix(prefix) }
      }
    }
  }
}
