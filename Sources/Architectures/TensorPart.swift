import Base
import Containers
import Quants

/// A stored tensor that becomes a tensor of another dialect, or a part of one.
package struct TensorPart: Sendable {
  package let source: TensorEntry
  /// What its values go through.
  package let steps: [TensorStep]

  /// - Throws: `unsupported` for an item of a tensor that has none.
  package init(_ source: TensorEntry, _ steps: [TensorStep]) throws(CheckpointError) {
    var whole = source
    for case .item(let index, _) in steps.filter(\.isUndone).map(\.transform) {
      whole = try source.selecting([index..<index + 1], name: source.name)
    }
    self.source = whole
    // As rows of its source, or by its place among the other parts, an item is where it belongs.
    self.steps = steps.filter { if case .item = $0.transform { false } else { true } }
  }

  /// The order of rows, where they change places.
  package var rows: BlockPermutation? {
    for case .rows(let order) in steps.map(\.transform) { return order }
    return nil
  }

  /// The order of the columns of every row, where they change places.
  package var columns: BlockPermutation? {
    for case .columns(let order) in steps.map(\.transform) { return order }
    return nil
  }

  /// Whether values are only moved within rows, or with them, so that rows can stream.
  package var streams: Bool {
    steps.allSatisfy {
      switch $0.transform {
      case .rows, .columns: true
      case .addOne, .negativeExponential, .transposed, .plane, .item: false
      }
    }
  }

  /// Whether stored bytes of a type are only moved.
  package func isCopy(to type: TensorType) -> Bool {
    streams && source.type == type && columns.map { $0.block % type.blockElements == 0 } ?? true
  }
}

/// A tensor of a dialect, and what it is made of: one stored tensor, items that follow each other along the outermost dimension,
/// or planes; nothing where its values are computed.
package struct GatheredTensor: Sendable {
  package let name: String
  package let shape: Shape
  package var parts: [TensorPart]
  /// The type its family publishes it in.
  package let declared: ElementType
  /// Its values, where it has no parts.
  package let computed: [Float]?

  package init(
    name: String, shape: Shape, parts: [TensorPart], declared: ElementType, computed: [Float]? = nil
  ) {
    self.name = name
    self.shape = shape
    self.parts = parts
    self.declared = declared
    self.computed = computed
  }
}

extension RuleCheck {
  /// The wanted tensors as a dialect has them, in the order of the rules: those that share a name there are parts of one.
  package func gathered(
    in dialect: Dialect, where isIncluded: (TensorRule) -> Bool = { _ in true }
  ) throws(CheckpointError) -> [GatheredTensor] {
    var result: [GatheredTensor] = []
    var places: [BinaryString: Int] = [:]
    for rule in wanted where isIncluded(rule) && rule.isStored(in: dialect) {
      let name = rule.name(in: dialect)
      guard let entry = entry(rule) else {
        if let values = rule.computed {
          result.append(
            GatheredTensor(
              name: name, shape: rule.shape(in: dialect), parts: [], declared: rule.declared, computed: values))
        }
        continue
      }
      let part = try TensorPart(entry, rule.steps(from: checkpoint(of: rule), to: dialect))
      guard let place = places.updateValue(result.count, forKey: BinaryString(name)) else {
        result.append(
          GatheredTensor(name: name, shape: rule.shape(in: dialect), parts: [part], declared: rule.declared))
        continue
      }
      places[BinaryString(name)] = place
      // Rules that differ in a third dialect alone are about one tensor here.
      if !result[place].parts.contains(where: { $0.source.name == entry.name && $0.steps == part.steps }) {
        result[place].parts.append(part)
      }
    }
    return result
  }
}
