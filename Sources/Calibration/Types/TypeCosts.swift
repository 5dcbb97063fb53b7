import Base
import Containers
import Conversion
import Quants
import Text

/// What every type would cost in every tensor whose type is there to be chosen.
package struct TypeCosts: Sendable {
  /// One type of one tensor.
  struct Choice: Sendable {
    let type: TensorType
    let bytes: Int
    /// In nats a token; nil where nothing is known.
    let divergence: Double?
  }

  /// One tensor.
  struct Item: Sendable {
    let name: String
    let options: [Choice]
    /// The bytes it has in the plan.
    let bytes: Int
  }

  /// The plan of the recipe that was named.
  package let plan: Plan
  let items: [Item]
  /// What there is to say of tensors whose types stay as they are, one sentence each.
  let notes: [String]
  private let alignment: Int

  /// Whether anything is known of any tensor.
  var isKnown: Bool { items.contains { $0.options.contains { $0.divergence != nil } } }

  /// Weighs the tensors of the text model.
  init(
    _ plan: Plan, _ chooser: TypeChooser, _ options: ConversionOptions, keepsTypes: Bool,
    _ progress: (Int, Int) -> Void
  ) throws(CheckpointError) {
    self.plan = plan
    let file = plan.files[0]
    alignment = Int(try GGUFFormat.alignment(of: file.metadata))
    let tensors = file.tensors.filter(\.isChosen)
    let named = try Self.named(options.overrides.map(\.pattern), among: tensors.map(\.name))
    let known = Dictionary(grouping: chooser.guide.calibration.sensitivities) { BinaryString($0.name) }
    var items: [Item] = []
    var (unknown, unmoved): ([String], [String]) = ([], [])
    for (index, tensor) in tensors.enumerated() {
      try Cancellation.check()
      progress(index, tensors.count)
      let costs = try Self.costs(
        of: tensor, chooser, known[BinaryString(tensor.name)] ?? [], only: keepsTypes || named[index])
      if costs.isEmpty {
        let isTried = known[BinaryString(tensor.name)] != nil
        if !named[index], !keepsTypes {
          if isTried { unmoved.append(tensor.name) } else { unknown.append(tensor.name) }
        }
      }
      let options =
        costs.isEmpty ? [Choice(type: tensor.type, bytes: tensor.byteCount, divergence: nil)] : costs
      items.append(Item(name: tensor.name, options: options, bytes: tensor.byteCount))
    }
    progress(tensors.count, tensors.count)
    self.items = items
    var notes: [String] = []
    if !unknown.isEmpty {
      notes.append(
        "the calibration does not say what \(counted(unknown.count, "tensor")) cost\(unknown.count == 1 ? "s" : ""), "
          + "which keep\(unknown.count == 1 ? "s" : "") the types of \(options.recipe.name): \(listed(unknown, 8))")
    }
    if !unmoved.isEmpty {
      notes.append(
        "no candidate type can be judged for \(counted(unmoved.count, "tensor")), "
          + "which keep\(unmoved.count == 1 ? "s" : "") the types of \(options.recipe.name): \(listed(unmoved, 8))")
    }
    self.notes = notes
  }

  /// The options of all items as the allocation counts them.
  func options(padded: Bool) -> [[TypeAllocation.Option]] {
    items.map { item in
      item.options.map { choice in
        TypeAllocation.Option(
          bytes: padded ? self.padded(choice.bytes) : choice.bytes, cost: choice.divergence ?? 0)
      }
    }
  }

  /// The bytes that the plan gives all items.
  func bytes(padded: Bool) -> Int {
    items.reduce(0) { $0 + (padded ? self.padded($1.bytes) : $1.bytes) }
  }

  /// With the zero bytes that follow a tensor.
  private func padded(_ bytes: Int) -> Int { (bytes + alignment - 1) / alignment * alignment }

  /// Which names were given a type by hand.
  private static func named(_ patterns: [String], among names: [String]) throws(CheckpointError) -> [Bool] {
    var result = [Bool](repeating: false, count: names.count)
    for pattern in patterns {
      for (index, isFound) in try NamePattern(pattern).isFound(in: names).enumerated() where isFound {
        result[index] = true
      }
    }
    return result
  }

  /// The candidates of a tensor; none where nothing can be said.
  private static func costs(
    of tensor: PlannedTensor, _ chooser: TypeChooser, _ tried: [TensorSensitivity], only isKept: Bool
  ) throws(CheckpointError) -> [Choice] {
    guard !tried.isEmpty, let reference = tried.first?.type else { return [] }
    let weights = chooser.guide.weights(of: tensor, as: reference)
    let source = tensor.sources.first?.type ?? tensor.type
    let candidates =
      isKept
      ? [tensor.type]
      : chooser.candidates.types(columns: tensor.shape.columns, source: source, hasImportance: weights != nil)
    guard !candidates.isEmpty else { return [] }
    let table = try ErrorTable(
      tensor, weights: weights, guide: chooser.guide, kernels: chooser.kernels, threads: chooser.threads)
    var errors: [TensorType: Double] = [:]
    for type in candidates + tried.map(\.type) where errors[type] == nil {
      guard tensor.shape.columns % type.blockElements == 0 else { continue }
      errors[type] = try table(type)
    }
    guard let curve = DivergenceCurve(tried.compactMap { t in errors[t.type].map { ($0, t.divergence) } }) else {
      return []
    }
    var choices: [Choice] = []
    for type in candidates {
      guard let error = errors[type], error.isFinite else { continue }
      let bytes = try type.byteCount(shape: tensor.shape)
      choices.append(Choice(type: type, bytes: bytes, divergence: curve(error)))
    }
    return choices
  }
}
