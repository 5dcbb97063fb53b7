import Quants
import Tensors

/// Which type every tensor gets: a base type and ordered rules that depart from it.
///
/// A recipe is a value. It can be printed, compared and recorded in the output, so that a label such as `Q4_0` can always be
/// expanded into what was done. Published mixes are recipes with more rules.
package struct Recipe: Sendable, Equatable {
  /// One departure from the base type.
  package struct Rule: Sendable, Equatable {
    package let condition: Condition
    package let type: TensorType

    package init(_ condition: Condition, _ type: TensorType) {
      self.condition = condition
      self.type = type
    }
  }

  /// When a rule applies.
  package enum Condition: Sendable, Equatable {
    /// The head, or the embedding table that serves as one.
    case head
    /// A regular expression that is found anywhere in the GGUF name.
    case pattern(String)
  }

  /// What to do with rows that a type's blocks do not divide.
  package enum Fallback: Sendable {
    /// F16 at once, as converters do.
    case half
    /// A type with smaller blocks first, as llama-quantize does.
    case smallerBlocks
  }

  /// The label, as file names carry it.
  package var name: String
  /// The type of every weight matrix; nil keeps what the source has.
  package var base: TensorType?
  /// Departures in order; the last that applies wins.
  package var rules: [Rule] = []
  package var fallback: Fallback

  /// Every weight matrix in one type, as a converter writes it; nil keeps the source's types.
  package static func conversion(to type: TensorType?) -> Recipe {
    Recipe(name: type?.name ?? "source", base: type, fallback: .half)
  }

  /// A recipe of llama-quantize by its name; with `pure` its base type everywhere it fits.
  ///
  /// Errors: `unsupported`, listing what there is.
  package static func named(_ name: String, pure: Bool = false) throws(CheckpointError) -> Recipe {
    let label = name.uppercased()
    guard let base = TensorType(name: label), available.contains(base.name) else {
      throw CheckpointError(
        .unsupported, "there is no recipe \(printable(name)); there are \(available.joined(separator: ", "))")
    }
    var recipe = Recipe(name: base.name, base: base, fallback: .smallerBlocks)
    // The head decides every word and is kept finer than the rest; Q8_0 is fine enough.
    if !pure, base.isBlock, base != .q8_0, let finer = TensorType(name: "Q6_K") {
      recipe.rules.append(Rule(.head, finer))
    }
    return recipe
  }

  /// The names `named` knows.
  package static let available = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q6_K"].filter {
    TensorType(name: $0)?.codec != nil
  }

  /// `general.file_type` of a file written by this recipe; nil where llama.cpp has no number for it.
  package var fileType: UInt32? { base.flatMap { Self.fileTypes[$0.name] } }

  /// The number of a file that consists mostly of a type.
  package static func fileType(of type: TensorType) -> UInt32? { fileTypes[type.name] }

  private static let fileTypes: [String: UInt32] = [
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K": 11, "Q4_K": 14,
    "Q5_K": 16, "Q6_K": 18, "IQ2_XXS": 19, "IQ2_XS": 20, "IQ3_XXS": 23, "IQ1_S": 24, "IQ4_NL": 25, "IQ3_S": 26,
    "IQ2_S": 28, "IQ4_XS": 30, "IQ1_M": 31, "BF16": 32, "TQ1_0": 36, "TQ2_0": 37, "MXFP4": 38, "NVFP4": 39,
    "Q1_0": 40, "Q2_0": 41,
  ]

  /// The recipe as one line: `Q4_0; head=Q6_K; /ffn_down/=Q8_0`.
  package var text: String {
    ([name]
      + rules.map { rule in
        switch rule.condition {
        case .head: "head=\(rule.type.name)"
        case .pattern(let pattern): "/\(pattern)/=\(rule.type.name)"
        }
      }).joined(separator: "; ")
  }
}
