import Base

/// The prefixes under which a checkpoint keeps the parts of a model.
///
/// Published checkpoints, text-only ones, and those written by MLX each have their own; which one a checkpoint uses is read from the
/// tensors it holds.
package struct PartNames: Sendable, Equatable {
  /// Before `embed_tokens.weight`, `layers.0.…`, `norm.weight`.
  package var text: String
  /// Before `lm_head.weight`.
  package var head = ""
  /// Whether the head serves as the embedding table, which has no tensor of its own.
  package var headIsTable = false
  /// Before `fc.weight`, `layers.0.…`; nil without an MTP block.
  package var mtp: String?
  /// Before `patch_embed.proj.weight`, `blocks.0.…`; nil without a vision encoder.
  package var vision: String?
  /// Before what makes rows for the text model of what a vision encoder gives, where it lies elsewhere.
  package var projector: String?

  /// The names of a family's published checkpoints, with every part that it has.
  package init(
    text: String = "model.", head: String = "", mtp: String? = nil, vision: String? = nil, projector: String? = nil
  ) {
    (self.text, self.head, self.mtp, self.vision, self.projector) = (text, head, mtp, vision, projector)
  }

  /// The prefixes under which these tensors lie; `published` says which parts the family has.
  package init(tensors: Set<BinaryString>, published: PartNames) {
    let texts = ["model.language_model.", "language_model.model.", "model.", "language_model.", ""]
    // Where the table is missing, its prefix is that of the last norm.
    let found = ["embed_tokens.weight", "norm.weight"].lazy.compactMap { name in
      texts.first { tensors.contains(BinaryString($0 + name)) }
    }
    text = found.first ?? published.text
    head = ["", "language_model.", text].first { tensors.contains(BinaryString($0 + "lm_head.weight")) } ?? ""
    func first(_ prefixes: [String]) -> String? {
      prefixes.first { prefix in tensors.contains { $0.text.hasPrefix(prefix) } }
    }
    if published.mtp != nil { mtp = first(["mtp.", "model.mtp.", "language_model.mtp.", "model.language_model.mtp."]) }
    if published.vision != nil {
      let known = ["model.visual.", "visual.", "vision_tower.vision_model.", "vision_tower."]
      vision = first(known + ["model.vision_tower.vision_model.", "model.vision_tower."])
    }
    if published.projector != nil { projector = first(["multi_modal_projector.", "model.multi_modal_projector."]) }
  }

  /// The embedding table.
  package var tableName: String { headIsTable ? headName : text + "embed_tokens.weight" }
  /// The head.
  package var headName: String { head + "lm_head.weight" }

  /// The parts there are.
  package var parts: Set<TensorRule.Part> {
    Set<TensorRule.Part>([.text]).union(mtp == nil ? [] : [.mtp]).union(vision == nil ? [] : [.vision])
  }

  /// The part a name belongs to, by its prefix.
  package func part(of name: String) -> TensorRule.Part {
    if let mtp, name.hasPrefix(mtp) { return .mtp }
    for prefix in [vision, projector] { if let prefix, name.hasPrefix(prefix) { return .vision } }
    return .text
  }

  /// The rules of a family, written for its published names, for a folder that keeps its tensors under these and in a dialect.
  package func applied(to rules: [TensorRule], published: PartNames, _ dialect: Dialect) -> [TensorRule] {
    rules.map { rule in
      var rule = rule
      rule.savedName = saved(rule.savedName, published)
      rule.savedDialect = dialect
      return rule
    }
  }

  /// The name that a tensor of a published name has here.
  private func saved(_ name: String, _ published: PartNames) -> String {
    if name == published.tableName { return tableName }
    if name == published.headName { return headName }
    for (known, here) in [
      (published.text, text), (published.mtp, mtp), (published.vision, vision), (published.projector, projector),
    ] {
      if let known, let here, name.hasPrefix(known) { return here + name.dropFirst(known.count) }
    }
    return name
  }
}
