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
    /// Whether it belongs to the vision encoder, in a file of its own.
    let isVision: Bool
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

  /// Weighs the tensors whose type the recipe says, and of a vision encoder those of which something is known.
  ///
  /// `keepsText` and `keepsVision` leave a file only the types of the plan.
  init(
    _ plan: Plan, _ chooser: TypeChooser, _ options: ConversionOptions, keepsText: Bool, keepsVision: Bool,
    _ progress: (Int, Int) -> Void
  ) throws(CheckpointError) {
    self.plan = plan
    alignment = Int(try GGUFFormat.alignment(of: plan.files[0].metadata))
    let known = Dictionary(grouping: chooser.guide.calibration.sensitivities) { BinaryString($0.name) }
    let text = plan.files[0].tensors.filter(\.isChosen)
    let vision = plan.files.dropFirst().flatMap(\.tensors).filter { tensor in
      tensor.isChosen && known[BinaryString(tensor.name)] != nil
    }
    let named = try Self.named(options.overrides.map(\.pattern), among: text.map(\.name))
    let all =
      zip(text, named).map { (tensor: $0, isVision: false, isKept: keepsText || $1) }
      + vision.map { (tensor: $0, isVision: true, isKept: keepsVision) }
    var items: [Item] = []
    var (unknown, unmoved): ([String], [String]) = ([], [])
    for (index, (tensor, isVision, isKept)) in all.enumerated() {
      try Cancellation.check()
      progress(index, all.count)
      let tried = known[BinaryString(tensor.name)] ?? []
      // An encoder's full precision is F16, which every runtime has.
      let source = isVision ? tensor.type : tensor.sources.first?.type ?? tensor.type
      let least = isVision ? Self.leastOfVision : 0
      var costs = try Self.costs(of: tensor, from: source, chooser, tried, least: least, only: isKept)
      if costs.isEmpty {
        costs = [Choice(type: tensor.type, bytes: tensor.byteCount, divergence: nil)]
        if !isKept { if tried.isEmpty { unknown.append(tensor.name) } else { unmoved.append(tensor.name) } }
      }
      items.append(Item(name: tensor.name, isVision: isVision, options: costs, bytes: tensor.byteCount))
    }
    progress(all.count, all.count)
    self.items = items
    notes = [
      Self.note("the calibration does not say what it costs to store", unknown),
      Self.note("no candidate type can be judged for", unmoved),
    ].compactMap { $0 }
  }

  /// Bits of a weight below which a vision encoder is not taken: what is known of it comes from a few pictures and about four bits.
  private static let leastOfVision = 4.0

  private static func note(_ reason: String, _ names: [String]) -> String? {
    guard !names.isEmpty else { return nil }
    let keeping = names.count == 1 ? "which keeps the type" : "which keep the types"
    return "\(reason) \(counted(names.count, "tensor")), \(keeping) of the recipe: \(listed(names, 8))"
  }

  /// The options of all items as a budget counts them.
  func options(_ budget: TypeBudget) -> [[TypeAllocation.Option]] {
    items.map { item in
      item.options.map { TypeAllocation.Option(bytes: bytes($0.bytes, item, budget), cost: $0.divergence ?? 0) }
    }
  }

  /// The bytes that the plan gives all items, as a budget counts them.
  func bytes(_ budget: TypeBudget) -> Int { items.reduce(0) { $0 + bytes($1.bytes, $1, budget) } }

  private func bytes(_ bytes: Int, _ item: Item, _ budget: TypeBudget) -> Int {
    // Files have zeros behind each tensor; bits of a weight are those of the text model alone.
    if budget.countsFiles { return (bytes + alignment - 1) / alignment * alignment }
    return item.isVision ? 0 : bytes
  }

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

  /// The candidates of a tensor, of at least so many bits; none where nothing can be said.
  private static func costs(
    of tensor: PlannedTensor, from source: TensorType, _ chooser: TypeChooser, _ tried: [TensorSensitivity],
    least: Double, only isKept: Bool
  ) throws(CheckpointError) -> [Choice] {
    guard !tried.isEmpty, let reference = tried.first?.type else { return [] }
    let weights = chooser.guide.weights(of: tensor, as: reference)
    let candidates =
      isKept
      ? [tensor.type]
      : chooser.candidates.types(columns: tensor.shape.columns, source: source, hasImportance: weights != nil)
        .filter { $0.bitsPerWeight >= least }
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
