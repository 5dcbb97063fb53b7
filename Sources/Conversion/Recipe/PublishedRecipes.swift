import Quants
import Base

/// The file types of llama-quantize, each as the text of a recipe.
///
/// Studied in `src/llama-quant.cpp` of the version in `formats/README.md` and written anew as rules; `formats/recipes.md` names what is
/// peculiar.
extension Recipe {
  /// A recipe by its name: a file type of llama-quantize, or a block type that none of them uses throughout.
  ///
  /// - Throws: `unsupported`, listing what there is.
  package static func named(_ name: String, pure: Bool = false) throws(CheckpointError) -> Recipe {
    let label = name.uppercased()
    guard let mix = mixes.first(where: { $0.name == aliases[label] ?? label }) else {
      throw CheckpointError(
        .unsupported,
        "there is no recipe \(name)\(offer(meant(by: name))); there are \(available.joined(separator: ", "))")
    }
    var recipe = try Recipe(text: mix.text)
    guard pure else { return recipe }
    // The name of a block type means that type, whatever the mix of the same name is based on.
    if let type = TensorType(name: label) { (recipe.name, recipe.base) = (type.name, type) }
    return recipe.pure
  }

  /// What to tell of a recipe that is called like a block type and based on another; nil for the others.
  package var baseNote: String? {
    guard let base, let type = TensorType(name: name), type != base else { return nil }
    return "the recipe \(name) has the base type \(base.name), as llama-quantize's has"
  }

  /// The names `named` knows.
  package static let available: [String] = mixes.map(\.name)

  /// Short names, as llama-quantize takes them.
  private static let aliases = ["Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"]

  /// A name, a base type, and the rules; what most have in common is added.
  private struct Mix: Sendable {
    let name: String
    let text: String

    /// A type for everything, without rules.
    init(plain name: String) {
      self.name = name
      text = "recipe \(name)\nbase \(name)\nfallback smaller-blocks"
    }

    /// A mix with a finer head, whose parts are kept finer still among eight experts.
    init(_ name: String, base: String? = nil, eightExperts: Bool = true, head: String = "Q6_K", _ rules: String = "") {
      self.name = name
      text = [
        Self.header(name, base), rules, eightExperts ? "attn_v experts=8 = Q8_0\nattn_k experts=8 = Q8_0" : "",
        "head = \(head)", head == "Q5_K" ? "head !fits = Q8_0" : "", Self.exceptions,
      ].joined(separator: "\n")
    }

    /// A mix that says everything itself but the exceptions.
    init(bare name: String, base: String? = nil, _ rules: String) {
      self.name = name
      text = [Self.header(name, base), rules, Self.exceptions].joined(separator: "\n")
    }

    private static func header(_ name: String, _ base: String?) -> String {
      "recipe \(name)\nbase \(base ?? name)\nfallback smaller-blocks"
    }

    /// Two families that llama-quantize treats apart, whatever the mix.
    private static let exceptions =
      #"""
      head architecture=falcon = Q8_0
      architecture=glm5-next /attn_q_a|attn_q_b|nextn\.eh_proj/ = Q8_0
      """#
  }

  /// Attention outputs among eight experts, in the mixes that care.
  private static let finerOutput = "attn_output experts=8 !architecture=falcon = Q5_K"

  /// The mixes of one to two and a half bits differ in three types only.
  private static func low(_ name: String, base: String? = nil, spare: String, output: String = "") -> Mix {
    let rules = """
      embedding = \(spare)
      attn_v = \(spare)
      attn_v groups>=4 = Q4_K
      attn_v experts>=4 = Q4_K
      attn_k experts=8 = Q4_K
      ffn_down counted-1/8 = \(spare)
      \(output)
      attn_output experts=8 = Q5_K
      """
    return Mix(name, base: base, eightExperts: false, head: "Q5_K", rules)
  }

  private static let mixes: [Mix] = [
    Mix(plain: "F32"), Mix(plain: "F16"), Mix(plain: "BF16"), Mix(plain: "Q8_0"),
    Mix("Q4_0", "ffn_down first-1/8 importance = Q4_1"), Mix("Q4_1"),
    Mix("Q5_0", "ffn_down first-1/8 importance = Q5_1"), Mix("Q5_1"),
    Mix(
      "Q2_K",
      """
      attn_v = Q3_K
      attn_v groups>=4 = Q4_K
      attn_v size=70B = Q5_K
      ffn_down = Q3_K
      attn_output !architecture=falcon = Q3_K
      \(finerOutput)
      """),
    Mix(
      "Q2_K_S", base: "Q2_K",
      """
      needs-importance Q2_K
      attn_v groups>=4 = Q4_K
      attn_v size=70B type=Q4_K = Q5_K
      ffn_down first-1/8 = Q4_K
      """),
    Mix(
      "Q3_K_S", base: "Q3_K",
      """
      attn_v size=70B = Q5_K
      \(finerOutput)
      """),
    Mix(
      "Q3_K_M", base: "Q3_K",
      """
      attn_v = Q4_K
      attn_v first-2 = Q5_K
      attn_v size=70B = Q5_K
      ffn_down = Q4_K
      ffn_down architecture=falcon !more-bits = Q3_K
      ffn_down first-1/16 = Q5_K
      attn_output !architecture=falcon = Q4_K
      \(finerOutput)
      """),
    Mix(
      "Q3_K_L", base: "Q3_K",
      """
      attn_v = Q5_K
      ffn_down = Q5_K
      ffn_down architecture=falcon = Q4_K
      attn_output !experts=8 = Q5_K
      attn_output architecture=falcon = Q4_K
      """),
    Mix(
      "Q4_K_S", base: "Q4_K",
      """
      attn_v first-4 = Q5_K
      attn_v size=70B = Q5_K
      ffn_down first-1/8 !architecture=falcon = Q5_K
      \(finerOutput)
      """),
    Mix(
      "Q4_K_M", base: "Q4_K",
      """
      attn_v size=70B = Q5_K
      attn_v more-bits = Q6_K
      ffn_down more-bits = Q6_K
      ffn_down architecture=falcon more-bits = Q5_K
      ffn_down architecture=falcon first-1/16 = Q6_K
      \(finerOutput)
      """),
    Mix("Q5_K_S", base: "Q5_K"),
    Mix(
      "Q5_K_M", base: "Q5_K",
      """
      attn_v more-bits = Q6_K
      ffn_down more-bits = Q6_K
      """),
    Mix("Q6_K"), low("IQ1_S", spare: "Q2_K", output: "attn_output = IQ2_XXS"),
    low("IQ1_M", spare: "Q2_K", output: "attn_output = IQ2_XXS"), low("IQ2_XXS", spare: "Q2_K"),
    low("IQ2_XS", spare: "Q2_K"), low("IQ2_S", base: "IQ2_XS", spare: "IQ3_S", output: "attn_output = IQ3_S"),
    low("IQ2_M", base: "IQ2_S", spare: "IQ3_S", output: "attn_output = IQ3_S"),
    Mix(
      "IQ3_XXS", head: "Q5_K",
      """
      embedding = IQ3_S
      attn_v !importance = IQ3_S
      attn_v groups>=4 = Q4_K
      attn_v size=70B type=Q4_K = Q5_K
      attn_q = IQ2_S
      attn_k = IQ2_S
      ffn_down !importance = Q3_K
      ffn_down !importance first-1/8 = Q4_K
      attn_output !architecture=falcon = IQ3_S
      \(finerOutput)
      """),
    Mix(
      "IQ3_XS", base: "IQ3_S",
      """
      attn_v groups>=4 = Q4_K
      attn_v size=70B type=Q4_K = Q5_K
      attn_q = IQ3_XXS
      attn_k = IQ3_XXS
      ffn_gate inner-1/8 = IQ3_XXS
      ffn_up inner-1/8 = IQ3_XXS
      \(finerOutput)
      """),
    Mix(
      "IQ3_S",
      """
      attn_v groups>=4 = Q4_K
      attn_v size=70B type=Q4_K = Q5_K
      \(finerOutput)
      """),
    Mix(
      "IQ3_M", base: "IQ3_S",
      """
      attn_v = Q4_K
      attn_v size=70B = Q5_K
      ffn_down first-1/8 = Q4_K
      ffn_down experts=8 more-bits = Q4_K
      attn_output !architecture=falcon = Q4_K
      \(finerOutput)
      """),
    Mix("IQ4_NL", fourBit), Mix("IQ4_XS", fourBit), Mix("TQ1_0", "embedding = Q4_K"),
    Mix("TQ2_0", "embedding = Q4_K"), Mix("Q1_0"), Mix("Q2_0", "embedding = Q4_K"),
    Mix(
      bare: "MXFP4_MOE", base: "MXFP4",
      """
      !stacked = Q8_0
      architecture=bailingmoe3 !ffn_up !ffn_gate !ffn_down = Q8_0
      head = Q8_0
      """),
    // Not among llama-quantize's: everything in the type, with a head of eight bits.
    Mix(bare: "MXFP4", "head = Q8_0"), Mix(bare: "NVFP4", "head = Q8_0"),
  ]

  private static let fourBit = """
    attn_v groups>=4 = Q5_K
    ffn_down !importance first-1/8 = Q5_K
    \(finerOutput)
    """
}
