import Quants

/// Which type every tensor gets: a base type and ordered rules that depart from it.
///
/// A recipe is a value. It can be printed, saved, read back and recorded in the output, so that a label such as `Q4_K_M` can
/// always be expanded into what was done. Specification: `formats/recipes.md`.
package struct Recipe: Sendable, Equatable {
  /// One departure from the base type: it applies where all its conditions hold.
  package struct Rule: Sendable, Equatable {
    package let conditions: [Condition]
    package let type: TensorType

    package init(_ conditions: [Condition], _ type: TensorType) {
      self.conditions = conditions
      self.type = type
    }
  }

  /// What to do with rows that a type's blocks do not divide.
  package enum Fallback: String, Sendable {
    /// F16 at once, as converters do.
    case half
    /// A type with smaller blocks first, as llama-quantize does.
    case smallerBlocks = "smaller-blocks"
  }

  /// The label, as file names carry it.
  package var name: String
  /// The type of every weight matrix; nil keeps what the source has.
  package var base: TensorType?
  /// Departures in order; the last that applies wins.
  package var rules: [Rule] = []
  package var fallback: Fallback
  /// Types that this recipe uses only with importance, beyond those that never go without.
  package var needsImportance: [TensorType] = []

  /// Every weight matrix in one type, as a converter writes it; nil keeps the source's types.
  package static func conversion(to type: TensorType?) -> Recipe {
    Recipe(name: type?.name ?? "source", base: type, fallback: .half)
  }

  /// The recipe without its rules: the base type for everything it fits.
  package var pure: Recipe {
    var recipe = self
    recipe.rules = []
    return recipe
  }

  /// `general.file_type` of a file written by this recipe; nil where llama.cpp has no number for it.
  package var fileType: UInt32? { Self.labels[name] ?? base.flatMap { Self.fileTypes[$0.name] } }

  /// The number of a file that consists mostly of a type.
  package static func fileType(of type: TensorType) -> UInt32? { fileTypes[type.name] }

  private static let fileTypes: [String: UInt32] = [
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K": 11, "Q4_K": 14,
    "Q5_K": 16, "Q6_K": 18, "IQ2_XXS": 19, "IQ2_XS": 20, "IQ3_XXS": 23, "IQ1_S": 24, "IQ4_NL": 25, "IQ3_S": 26,
    "IQ2_S": 28, "IQ4_XS": 30, "IQ1_M": 31, "BF16": 32, "TQ1_0": 36, "TQ2_0": 37, "MXFP4": 38, "NVFP4": 39,
    "Q1_0": 40, "Q2_0": 41,
  ]

  /// The numbers of mixes, whose names are not types.
  private static let labels: [String: UInt32] = [
    "Q2_K_S": 21, "Q3_K_S": 11, "Q3_K_M": 12, "Q3_K_L": 13, "Q4_K_S": 14, "Q4_K_M": 15, "Q5_K_S": 16, "Q5_K_M": 17,
    "IQ2_S": 28, "IQ2_M": 29, "IQ3_XS": 22, "IQ3_M": 27, "MXFP4_MOE": 38,
  ]

  /// Whether a type means nothing without importance in this recipe.
  ///
  /// llama-quantize's list: it is longer than that of types that cannot be encoded without.
  package func needsImportance(_ type: TensorType) -> Bool {
    Self.importantTypes.contains(type.name) || needsImportance.contains(type)
  }

  /// The nearest type that needs no importance, for a tensor that has none.
  package func withoutImportance(_ type: TensorType) -> TensorType {
    var fitting = type
    while needsImportance(fitting), let next = Self.nearest[fitting.name].flatMap({ TensorType(name: $0) }) {
      fitting = next
    }
    return fitting
  }

  private static let importantTypes: Set<String> = ["IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS"]

  private static let nearest: [String: String] = [
    "IQ1_S": "Q2_K", "IQ1_M": "Q2_K", "IQ2_XXS": "Q2_K", "IQ2_XS": "Q2_K", "IQ2_S": "Q2_K", "IQ3_XXS": "IQ3_S",
    "Q2_K": "Q3_K",
  ]
}
