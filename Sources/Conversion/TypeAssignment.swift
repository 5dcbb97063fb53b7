import Quants
import Tensors

/// Applies a recipe to the tensors of one file.
struct TypeAssignment {
  /// What a tensor got, and why where that is worth telling.
  struct Choice {
    let type: TensorType
    let note: String?
  }

  private let recipe: Recipe
  private let isTied: Bool
  /// Names each pattern found, in the order of the recipe's rules.
  private let matches: [Set<BinaryString>?]

  /// Compiles the recipe's patterns and holds them against the names.
  ///
  /// Errors: `malformed` for a pattern that is no regular expression, `missing` for one that matches nothing.
  init(_ recipe: Recipe, tensors: [(name: String, shape: Shape)]) throws(CheckpointError) {
    self.recipe = recipe
    isTied = !tensors.contains { $0.name == "output.weight" }
    var matches: [Set<BinaryString>?] = []
    for rule in recipe.rules {
      guard case .pattern(let pattern) = rule.condition else {
        matches.append(nil)
        continue
      }
      matches.append(try Self.find(pattern, in: tensors))
    }
    self.matches = matches
  }

  /// The type of a tensor that may be quantized.
  ///
  /// `source` is its type in the source, which a recipe without a base keeps.
  func choose(_ name: String, _ shape: Shape, source: TensorType) -> Choice {
    var wanted = recipe.base ?? source
    for (rule, names) in zip(recipe.rules, matches) {
      switch rule.condition {
      case .head:
        if name == "output.weight" || isTied && name == "token_embd.weight" { wanted = rule.type }
      case .pattern:
        if names?.contains(BinaryString(name)) == true { wanted = rule.type }
      }
    }
    return fit(wanted, columns: shape.columns)
  }

  /// The type itself, or the nearest whose blocks divide the row.
  private func fit(_ type: TensorType, columns: Int) -> Choice {
    guard columns % type.blockElements != 0 else { return Choice(type: type, note: nil) }
    var fitting = TensorType.f16
    if recipe.fallback == .smallerBlocks, let smaller = Self.smaller[type.name].flatMap({ TensorType(name: $0) }),
      columns % smaller.blockElements == 0
    {
      fitting = smaller
    }
    return Choice(
      type: fitting,
      note: "\(type.name) needs rows of \(type.blockElements) weights, this has \(columns): \(fitting.name) instead")
  }

  /// What llama-quantize writes where a row is no multiple of 256.
  private static let smaller: [String: String] = [
    "IQ1_S": "IQ4_NL", "IQ1_M": "IQ4_NL", "IQ2_XXS": "IQ4_NL", "IQ2_XS": "IQ4_NL", "IQ2_S": "IQ4_NL",
    "IQ3_XXS": "IQ4_NL", "IQ3_S": "IQ4_NL", "IQ4_XS": "IQ4_NL", "Q2_0": "Q4_0", "Q2_K": "Q4_0", "Q3_K": "Q4_0",
    "TQ1_0": "Q4_0", "TQ2_0": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
  ]

  /// Whether a tensor may leave the precision it was published in.
  ///
  /// llama-quantize's rule: names ending in `weight` with two dimensions or more, except norms, gates, convolutions and
  /// position tables, which are small and which readers want in full.
  static func mayQuantize(_ name: String, rank: Int) -> Bool {
    rank >= 2 && name.hasSuffix("weight") && !kept.contains { name.contains($0) }
      && name != "position_embd.weight" && name != "token_types.weight"
  }

  private static let kept: [String] = [
    "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel", "per_layer_model_proj",
    "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight", "indexer.q_proj.weight", "time_mix_first.weight",
    "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight", "time_mix_v0.weight", "time_mix_v1.weight",
    "time_mix_v2.weight", "time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight", "time_mix_g1.weight",
    "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight", "time_mix_lerp_fused.weight",
    "attn_rel_b.weight", ".position_embd", "sam.pos_embd", "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd",
    ".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
  ]

  private static func find(
    _ pattern: String, in tensors: [(name: String, shape: Shape)]
  ) throws(CheckpointError) -> Set<BinaryString> {
    let expression: Regex<AnyRegexOutput>
    do {
      expression = try Regex(pattern)
    } catch {
      throw CheckpointError(.malformed, "--tensor \(printable(pattern)) is not a regular expression", cause: "\(error)")
    }
    let found = tensors.filter { $0.name.firstMatch(of: expression) != nil }
    let open = found.filter { mayQuantize($0.name, rank: $0.shape.rank) }
    guard open.isEmpty else { return Set(open.map { BinaryString($0.name) }) }
    if let first = found.first {
      throw CheckpointError(
        .mismatch,
        "--tensor \(printable(pattern)) matches only tensors that stay in full precision, such as \(printable(first.name))"
      )
    }
    let near = NearNames.of(pattern, in: tensors.map(\.name))
    throw CheckpointError(
      .missing, "--tensor \(printable(pattern)) matches no tensor; there are \(near.joined(separator: ", "))")
  }
}
