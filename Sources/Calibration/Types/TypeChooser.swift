import Base
import Containers
import Conversion
import Quants
import Text

/// Chooses the types of a quantization by what a calibration says they cost, within a budget.
///
/// The recipe that was named is planned first: it says which tensors there are, how many bytes they take, and which types those tensors keep of
/// which nothing is known. What comes out is an ordinary recipe and its plan.
package struct TypeChooser {
  package let source: String
  package let guide: CalibrationGuide
  package let candidates: CandidateTypes
  package let threads: Int
  package let kernels: Kernels

  /// A plan, and what its types are expected to cost.
  package typealias Choice = (plan: Plan, forecast: TypeForecast)

  package init(
    source: String, guide: CalibrationGuide, candidates: CandidateTypes = CandidateTypes(),
    threads: Int = Threads.available, kernels: Kernels = .best
  ) {
    (self.source, self.guide, self.candidates) = (source, guide, candidates)
    (self.threads, self.kernels) = (threads, kernels)
  }

  /// Keeps the types of the recipe and says what they are expected to cost.
  ///
  /// `progress` is told the tensors that are done, of how many.
  package func keepingTypes(
    _ options: ConversionOptions, progress: (Int, Int) -> Void = { _, _ in }
  ) throws(CheckpointError) -> Choice {
    let costs = try TypeCosts(planned(options, nil), self, options, keepsText: true, keepsVision: true, progress)
    return try finished(options, costs, costs.items.map { $0.options[0] }, budget: nil)
  }

  /// Chooses types.
  ///
  /// - Parameters:
  ///   - options: the quantization; its recipe's types stay where nothing is known.
  ///   - budget: the most there may be.
  ///   - namesRecipe: whether somebody named that recipe; else one of the size of the budget is taken.
  ///   - progress: told the tensors that are done, of how many.
  /// - Returns: the plan and what its types are expected to cost.
  /// - Throws: `usage` for a budget that is too small, with the least that would do; `missing` for a calibration without sensitivities; what
  ///   planning throws.
  package func choose(
    _ options: ConversionOptions, within budget: TypeBudget, namesRecipe: Bool = true,
    progress: (Int, Int) -> Void = { _, _ in }
  ) throws(CheckpointError) -> Choice {
    var options = options
    if !namesRecipe { options.recipe = try recipe(for: options, budget) }
    // A projector keeps F16 unless everything has to fit.
    var fits = false
    if case .bytes = budget { fits = options.visionType == nil }
    let costs = try costs(options, choosesVision: fits, progress: progress)
    options.recipe.name = Self.name(of: options.recipe, isNamed: namesRecipe)
    return try choose(options, by: costs, within: budget)
  }

  /// What the recipe of chosen types is called.
  package static func name(of recipe: Recipe, isNamed: Bool) -> String {
    isNamed ? String("\(recipe.name)-calibrated".prefix(64)) : "calibrated"
  }

  /// Weighs every candidate of every tensor, those of a vision encoder too where they are to be chosen.
  ///
  /// - Throws: `missing` for a calibration without sensitivities; what planning throws.
  package func costs(
    _ options: ConversionOptions, choosesVision: Bool = false, progress: (Int, Int) -> Void = { _, _ in }
  ) throws(CheckpointError) -> TypeCosts {
    guard !guide.calibration.sensitivities.isEmpty else {
      throw CheckpointError(
        .missing, "the calibration does not say what tensors cost, so types cannot be chosen by it",
        file: guide.files.first,
        remedy: .keepTypes)
    }
    return try TypeCosts(
      planned(options, nil), self, options, keepsText: false, keepsVision: !choosesVision, progress)
  }

  /// What becomes of tensors of which nothing is known where no recipe was named: the first of these that fits, the least at worst.
  private static let palette = ["Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K"]

  private func recipe(for options: ConversionOptions, _ budget: TypeBudget) throws(CheckpointError) -> Recipe {
    var options = options
    options.recipe = .conversion(to: nil)
    for name in [nil] + Self.palette {
      if let name { options.recipe = try .named(name) }
      let plan = try planned(options, nil)
      if Self.size(of: plan, budget) <= limit(of: plan, budget, options) { break }
    }
    return options.recipe
  }

  /// Chooses types by what they cost.
  ///
  /// The recipe of `options` gives its name, and what stands beside the types.
  /// - Throws: `usage` for a budget that is too small.
  package func choose(
    _ options: ConversionOptions, by costs: TypeCosts, within budget: TypeBudget
  ) throws(CheckpointError) -> Choice {
    let limit = limit(of: costs.plan, budget, options)
    let counted = costs.options(budget)
    let fixed = Self.size(of: costs.plan, budget) - UInt64(costs.bytes(budget))
    // The text of the recipe is part of the output, and known only with the types.
    var reserve: UInt64 = 0
    while fixed + reserve <= limit,
      let chosen = TypeAllocation.choose(counted, budget: Int(clamping: limit - fixed - reserve))
    {
      let types = zip(costs.items, chosen).map { $0.options[$1] }
      let choice = try finished(options, costs, types, budget: limit)
      let size = Self.size(of: choice.plan, budget)
      if size <= limit { return choice }
      reserve += size - limit
    }
    let types = zip(costs.items, counted).map { item, options in
      item.options[options.indices.min { options[$0].bytes < options[$1].bytes } ?? 0]
    }
    let choice = try finished(options, costs, types, budget: limit)
    let size = Self.size(of: choice.plan, budget)
    if size <= limit { return choice }
    throw CheckpointError(
      .usage, Self.complaint(choice.plan, size, budget, limit), file: source, remedy: .allowSmallerTypes)
  }

  private static func complaint(_ plan: Plan, _ size: UInt64, _ budget: TypeBudget, _ limit: UInt64) -> String {
    if case .bitsPerWeight(let bits) = budget {
      let least = Double(size) * 8 / Double(max(1, plan.files[0].parameterCount))
      // Rounded up, so that what is said can be asked for.
      return "\(bits) bits per weight are too few; the least is \((least * 1000).rounded(.up) / 1000)"
    }
    return "\(limit) bytes are too few; the least that the candidate types allow is \(size)"
  }

  /// The plan of a recipe under the calibration.
  private func planned(_ options: ConversionOptions, _ predicted: Double?) throws(CheckpointError) -> Plan {
    var (options, guide) = (options, guide)
    guide.predicted = predicted
    options.guide = guide
    return try Conversion.plan(source: source, options: options, threads: threads)
  }

  /// The plan of chosen types, as a recipe of its own.
  private func finished(
    _ options: ConversionOptions, _ costs: TypeCosts, _ types: [TypeCosts.Choice], budget: UInt64?
  ) throws(CheckpointError) -> Choice {
    let rows = zip(costs.items, types).map { item, choice in
      TypeForecast.Row(name: item.name, type: choice.type.name, bytes: choice.bytes, divergence: choice.divergence)
    }
    let forecast = TypeForecast(rows: rows, budget: budget, notes: costs.notes)
    var options = options
    if budget != nil {
      let chosen = zip(costs.items, types).map { (isVision: $0.isVision, name: $0.name, type: $1.type) }
      options.recipe = Recipe(
        options.recipe.name, types: chosen.filter { !$0.isVision }.map { ($0.name, $0.type) },
        vision: chosen.filter(\.isVision).map { ($0.name, $0.type) })
    }
    let plan = try planned(options, costs.isKnown ? forecast.divergence : nil)
    return (plan, forecast)
  }

  /// The bytes of a plan that a budget counts.
  private static func size(of plan: Plan, _ budget: TypeBudget) -> UInt64 {
    budget.countsFiles ? plan.bytesOut : plan.files[0].tensors.reduce(0) { $0 + UInt64($1.byteCount) }
  }

  /// The bytes there are; of a recipe those it takes without a calibration, so that what is said of one is not paid for on top.
  private func limit(of plan: Plan, _ budget: TypeBudget, _ options: ConversionOptions) -> UInt64 {
    switch budget {
    case .recipe:
      var plain = options
      plain.guide = nil
      // A recipe that needs importance cannot be planned without.
      let bytes = try? Conversion.plan(source: source, options: plain, threads: threads).bytesOut
      return min(plan.bytesOut, bytes ?? plan.bytesOut)
    case .bytes(let bytes): return bytes
    case .bitsPerWeight(let bits): return UInt64(max(0, min(1e18, bits * Double(plan.files[0].parameterCount) / 8)))
    }
  }
}

extension TypeBudget {
  /// Whether it is about whole files, with all that is in them, rather than weights.
  var countsFiles: Bool {
    if case .bitsPerWeight = self { false } else { true }
  }
}
