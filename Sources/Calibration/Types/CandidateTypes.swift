import Base
import Quants

/// The types among which a budget is spent.
package struct CandidateTypes: Sendable {
  /// Which families of types are looked at.
  package enum Family: String, Sendable, CaseIterable {
    /// The k-types, and those with blocks of 32 where rows are not multiples of 256.
    case k
    /// Also IQ4_XS and IQ4_NL: four bits on uneven levels, as quick to find as the k-types.
    case kAndIQ4 = "k+iq4"
    /// Also the codebooks of one to three bits.
    case kAndIQ = "k+iq"
  }

  package var family: Family
  /// What is left of them: the types that a runtime is fast at; nil for all.
  package var only: [TensorType]?

  package init(_ family: Family = .kAndIQ4, only: [TensorType]? = nil) { (self.family, self.only) = (family, only) }

  private static let superBlocks = types("Q2_K Q3_K Q4_K Q5_K Q6_K Q8_0")
  private static let blocks = types("Q4_0 Q4_1 Q5_0 Q5_1 Q8_0")
  private static let fourBits = types("IQ4_XS IQ4_NL")
  private static let codebooks = types("IQ3_S IQ3_XXS IQ2_S IQ2_XS IQ2_XXS IQ1_M IQ1_S")

  fileprivate static func types(_ names: String) -> [TensorType] {
    names.split(separator: " ").compactMap { TensorType(name: String($0)) }
  }

  /// The types for rows of so many columns, in a fixed order.
  ///
  /// `source` is the type the weights have, than which nothing is more precise; `hasImportance` whether it is known how much columns matter, without
  /// which the codebooks mean little.
  package func types(columns: Int, source: TensorType, hasImportance: Bool) -> [TensorType] {
    // What is stored in blocks already gains nothing from a larger type.
    let full = source == .f32 ? [.bf16, source] : [source]
    var all = (columns % 256 == 0 ? Self.superBlocks : Self.blocks) + full
    if family != .k { all += Self.fourBits }
    if family == .kAndIQ { all += Self.codebooks }
    // Who names a type wants it, whatever the family.
    all += only ?? []
    if !hasImportance { all.removeAll { Self.codebooks.contains($0) } }
    var seen: Set<TensorType> = []
    return all.filter { type in
      columns % type.blockElements == 0 && only?.contains(type) ?? true && seen.insert(type).inserted
        && (type == source || !source.isBlock || type.isBlock && type.bitsPerWeight < source.bitsPerWeight)
    }
  }
}

/// Types that a runtime has fast kernels for, by the name of the runtime.
///
/// Sources: docs/types.md.
package enum RuntimeTypes {
  private static let half = "F16 BF16"
  private static let legacy = "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0"
  private static let k = "Q2_K Q3_K Q4_K Q5_K Q6_K"

  private static let sets: [(name: String, types: String)] = [
    ("arm-cpu", "Q4_0 Q4_K Q5_K Q6_K IQ4_NL Q8_0 \(half)"),
    ("metal", "\(legacy) \(k) IQ4_NL \(half)"),
    ("vulkan", "\(legacy) \(k) IQ4_XS \(half)"),
    ("opencl-adreno", "Q4_0 Q4_1 Q4_K Q5_K Q6_K Q8_0 IQ4_NL \(half)"),
  ]

  /// The names of the runtimes.
  package static var names: [String] { sets.map(\.name) }

  /// The types of a list of type names and runtimes, separated by commas.
  ///
  /// - Throws: `usage`, naming the word that is neither.
  package static func parse(_ list: String) throws(CheckpointError) -> [TensorType] {
    var types: [TensorType] = []
    for word in list.split(separator: ",", omittingEmptySubsequences: false) {
      let word = String(word)
      if let set = sets.first(where: { $0.name == word.lowercased() }) {
        types += CandidateTypes.types(set.types)
      } else if let type = TensorType(name: word), type.isWritable {
        types.append(type)
      } else {
        throw CheckpointError(
          .usage, "\(word) is neither a type nor a runtime; there are \(names.joined(separator: ", "))")
      }
    }
    var seen: Set<TensorType> = []
    return types.filter { seen.insert($0).inserted }
  }
}
