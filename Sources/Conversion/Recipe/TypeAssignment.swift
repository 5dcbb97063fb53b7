import Base
import Containers
import Quants
import Text

/// Applies a recipe to the tensors of one file.
package struct TypeAssignment {
  /// What a tensor got, and why where that is worth telling.
  struct Choice {
    var type: TensorType
    var note: String?
    /// What there will be to say of its inputs.
    var guidance = GuidanceKind.none
  }

  private let recipe: Recipe
  private let facts: ModelFacts
  private let places: TensorPlaces
  private let guide: (any EncodingGuide)?
  /// Names each pattern found, by the pattern.
  private var matches: [BinaryString: Set<BinaryString>] = [:]
  /// What the guide has nothing to say about, to be told before work starts.
  private(set) var gaps = GuidanceGaps()

  /// What the output says it is.
  var architecture: String { facts.architecture }

  /// Compiles the recipe's patterns and holds them against the names.
  ///
  /// `metadata` is that of the output, for what rules ask about the model.
  /// - Throws: `malformed` for a pattern that is not a regular
  ///   expression, `missing` for one that matches nothing.
  init(
    _ recipe: Recipe, tensors: [(name: String, shape: Shape)], metadata: Metadata, guide: (any EncodingGuide)? = nil
  ) throws(CheckpointError) {
    self.recipe = recipe
    self.guide = guide
    facts = ModelFacts(metadata)
    places = TensorPlaces(tensors, facts)
    for rule in recipe.rules where !rule.conditions.contains(where: isOtherArchitecture) {
      for condition in rule.conditions {
        // A pattern beside other conditions, or a negated one, may well find nothing in this model.
        let isAlone = rule.conditions.count == 1
        guard case .pattern(let pattern) = condition.positive, matches[BinaryString(pattern)] == nil else { continue }
        matches[BinaryString(pattern)] = try Self.find(
          pattern, in: tensors, facts.architecture, isNeeded: isAlone && condition == .pattern(pattern))
      }
    }
    if let guide { gaps.strangers = try guide.strangers(among: tensors.map(\.name)) }
  }

  /// Whether a condition asks for an architecture that this is not.
  private func isOtherArchitecture(_ condition: Recipe.Condition) -> Bool {
    if case .architecture(let name) = condition { name != facts.architecture } else { false }
  }

  /// The type of a tensor that may be quantized, and its guidance.
  ///
  /// `source` is its type in the source, which a recipe without a base keeps; `keeping` is one that stands before the recipe's base.
  /// - Throws: `mismatch` for importance of another
  ///   shape, `missing` where a type needs importance and none was given.
  mutating func choose(
    _ name: String, _ shape: Shape, source: TensorType, keeping: TensorType? = nil
  ) throws(CheckpointError) -> Choice {
    var wanted = keeping ?? recipe.base ?? source
    for rule in recipe.rules where rule.conditions.allSatisfy({ holds($0, name, shape, wanted) }) { wanted = rule.type }
    var choice = fit(wanted, columns: shape.columns)
    guard choice.type.isBlock, choice.type != source else { return choice }
    guard let guide else {
      guard !needsImportance(choice.type, name) else {
        throw CheckpointError(
          .missing, "\(choice.type.name) needs importance", tensor: name, remedy: .giveImportance)
      }
      return choice
    }
    let tensor = TensorDescription(name: name, type: choice.type, shape: shape)
    let (kind, reason) = try guide.kind(for: tensor, role: places.role(of: name), gaps: &gaps)
    choice.guidance = kind
    guard kind == .none else { return choice }
    let planned = choice.type
    if needsImportance(planned, name) {
      choice = fit(recipe.withoutImportance(planned), columns: shape.columns)
      choice.note = "\(reason): \(choice.type.name) instead of \(planned.name)"
    } else {
      choice.note = [choice.note, "\(reason): the plain rule"].compactMap { $0 }.joined(separator: "; ")
    }
    gaps.add(name, reason, planned: planned, chosen: choice.type)
    return choice
  }

  /// Whether a type must not be used for a tensor without importance.
  ///
  /// Embedding tables and heads never have any: there only what cannot be encoded is refused, as llama-quantize does.
  private func needsImportance(_ type: TensorType, _ name: String) -> Bool {
    let role = places.role(of: name)
    let isTable = role == .head || role == .embedding || recipe.fallback == .half
    return type.codec?.needsImportance == true || !isTable && recipe.needsImportance(type)
  }

  private func holds(_ condition: Recipe.Condition, _ name: String, _ shape: Shape, _ sofar: TensorType) -> Bool {
    switch condition {
    case .role(let role): places.role(of: name) == role
    case .pattern(let pattern): matches[BinaryString(pattern)]?.contains(BinaryString(name)) == true
    case .place(let place): places.holds(place, name)
    case .stacked: shape.rank > 2 && shape.dimensions[shape.rank - 3] > 1
    case .fits: recipe.base.map { shape.columns % $0.blockElements == 0 } ?? true
    case .type(let type): sofar == type
    case .importance: guide != nil
    case .architecture(let name): facts.architecture == name
    case .is70B: facts.is70B
    case .groups(let count): facts.groups >= count
    case .experts(let count): facts.experts >= count
    case .expertCount(let count): facts.experts == count
    case .not(let condition): !holds(condition, name, shape, sofar)
    }
  }

  /// The type itself, or the nearest whose blocks divide the row.
  private func fit(_ type: TensorType, columns: Int) -> Choice {
    guard columns % type.blockElements != 0 else { return Choice(type: type) }
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

  /// What llama-quantize writes where a row is not a multiple of 256.
  private static let smaller: [String: String] = [
    "IQ1_S": "IQ4_NL", "IQ1_M": "IQ4_NL", "IQ2_XXS": "IQ4_NL", "IQ2_XS": "IQ4_NL", "IQ2_S": "IQ4_NL",
    "IQ3_XXS": "IQ4_NL", "IQ3_S": "IQ4_NL", "IQ4_XS": "IQ4_NL", "Q2_0": "Q4_0", "Q2_K": "Q4_0", "Q3_K": "Q4_0",
    "TQ1_0": "Q4_0", "TQ2_0": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
    // llama-quantize gives up on these.
    "Q1_0": "Q4_0", "NVFP4": "Q4_0",
  ]

  /// Whether a tensor may leave the precision it was published in.
  ///
  /// llama-quantize's rule: names ending in `weight` with two dimensions or more, except norms, gates, convolutions and
  /// position tables, which are small and which readers want in full. Outer dimensions of one do not count.
  package static func mayQuantize(_ name: String, _ shape: Shape, _ architecture: String) -> Bool {
    shape.dimensions.drop { $0 == 1 }.count >= 2 && name.hasSuffix("weight") && !kept.contains { name.hasBytes(of: $0) }
      && name != "position_embd.weight" && name != "token_types.weight"
      && !(architecture == "glm5-next" && keptByGLM5.contains { name.hasBytes(of: $0) })
  }

  private static let kept: [String] = [
    "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel", "per_layer_model_proj",
    "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight", "indexer.q_proj.weight", "time_mix_first.weight",
    "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight", "time_mix_v0.weight", "time_mix_v1.weight",
    "time_mix_v2.weight", "time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight", "time_mix_g1.weight",
    "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight", "time_mix_lerp_fused.weight",
    "attn_rel_b.weight", ".position_embd", "sam.pos_embd", "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd",
    ".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
    // llama.cpp transposes it when it runs, which it does to plain numbers only.
    "mm.input_projection",
  ]

  private static let keptByGLM5: [String] = [
    "hc_", "indexer.attn_q_b", "indexer.attn_k", "indexer.proj", "indexer_compressor_gate", "indexer_compressor_ape",
    "ssm_f_a.weight", "ssm_f_b.weight", "ssm_g_a.weight", "ssm_g_b.weight", "ssm_beta.weight", "attn_kv_a_mqa.weight",
    "attn_k_b.weight", "attn_v_b.weight",
  ]

  private static func find(
    _ pattern: String, in tensors: [(name: String, shape: Shape)], _ architecture: String, isNeeded: Bool
  ) throws(CheckpointError) -> Set<BinaryString> {
    let isFound = try NamePattern(pattern).isFound(in: tensors.map(\.name))
    let found = zip(tensors, isFound).filter(\.1).map(\.0)
    let open = found.filter { mayQuantize($0.name, $0.shape, architecture) }
    guard open.isEmpty, isNeeded else { return Set(open.map { BinaryString($0.name) }) }
    if let first = found.first {
      throw CheckpointError(
        .mismatch,
        "the pattern \(pattern) matches only tensors that stay in full precision, such as \(first.name)"
      )
    }
    let near = NearNames.of(pattern, in: tensors.map(\.name))
    throw CheckpointError(
      .missing, "the pattern \(pattern) matches no tensor; there are \(near.joined(separator: ", "))")
  }
}
