import Base
import Containers
import Quants

/// A stored tensor that becomes a tensor of another dialect, or a part of one.
package struct TensorPart: Sendable {
  /// The stored tensor, or those rows of it that are the part.
  package let source: TensorEntry
  /// What its values go through.
  package let steps: [TensorStep]

  /// - Throws: `unsupported` for rows of a tensor that has none, `mismatch` for rows it does not have.
  package init(_ source: TensorEntry, _ steps: [TensorStep]) throws(CheckpointError) {
    var (whole, rest) = (source, [TensorStep]())
    for (index, step) in steps.enumerated() {
      switch step.transform {
      case .item(let item, _):
        // As rows of its source, or by its place among the other parts, an item is where it belongs.
        if step.isUndone { whole = try source.selecting([item..<item + 1], name: source.name) }
      case .selection(let runs) where !step.isUndone && index == 0:
        whole = try source.selecting(runs, name: source.name)
      case .plane(let plane) where !step.isUndone && index == 0 && Self.isRows(plane, source):
        whole = try source.taking(part: plane.index, of: plane.count, length: plane.width / source.shape.columns)
      default: rest.append(step)
      }
    }
    (self.source, self.steps) = (whole, rest)
  }

  /// Whether a plane is made of whole rows of a tensor.
  private static func isRows(_ plane: TensorTransform.Plane, _ tensor: TensorEntry) -> Bool {
    tensor.rows == nil && tensor.shape.columns > 0 && plane.width % tensor.shape.columns == 0
      && tensor.shape.rows % (plane.count * max(1, plane.width / tensor.shape.columns)) == 0
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

  /// Where its rows lie among those of the other parts; nil for a part behind which the next one begins.
  package var join: RowJoin.Place? {
    guard steps.count == 1, let step = steps.first, step.isUndone else { return nil }
    switch step.transform {
    case .selection(let runs): return .runs(runs)
    case .plane(let plane) where source.shape.columns > 0 && plane.width % source.shape.columns == 0:
      return .turns(index: plane.index, of: plane.count, length: plane.width / source.shape.columns)
    default: return nil
    }
  }

  /// Whether values are only moved within rows, or with them, so that rows can stream.
  package var streams: Bool {
    join != nil
      || steps.allSatisfy {
        switch $0.transform {
        case .rows, .columns: true
        case .addOne, .negativeExponential, .transposed, .plane, .item, .selection: false
        }
      }
  }

  /// Whether stored bytes of a type are only moved.
  package func isCopy(to type: TensorType) -> Bool {
    streams && source.type == type && columns.map { $0.block % type.blockElements == 0 } ?? true
  }
}

/// How the rows of a tensor are brought together from several.
package struct RowJoin: Sendable {
  /// Where the rows of one part lie in the whole.
  package enum Place: Sendable, Equatable {
    /// In runs, one after another.
    case runs([Range<Int>])
    /// So many rows in every turn of all parts.
    case turns(index: Int, of: Int, length: Int)
  }

  private enum Layout: Sendable {
    /// Runs of the whole in order, each with its part and the first of its rows there.
    case runs([(rows: Range<Int>, part: Int, first: Int)])
    /// Parts in the order of their turns.
    case turns([Int], length: Int)
  }

  private let layout: Layout

  /// Nil when the parts do not make up `rows` rows, each once.
  package init?(_ places: [Place], rows: Int) {
    if case .turns(_, let count, let length)? = places.first {
      var order = [Int?](repeating: nil, count: count)
      for (part, place) in places.enumerated() {
        guard case .turns(let index, count, length) = place, index < count, order[index] == nil else { return nil }
        order[index] = part
      }
      let parts = order.compactMap { $0 }
      guard parts.count == count, length > 0, rows % (count * length) == 0 else { return nil }
      layout = .turns(parts, length: length)
      return
    }
    var runs: [(rows: Range<Int>, part: Int, first: Int)] = []
    for (part, place) in places.enumerated() {
      guard case .runs(let ranges) = place else { return nil }
      var first = 0
      for range in ranges where !range.isEmpty {
        runs.append((range, part, first))
        first += range.count
      }
    }
    runs.sort { $0.rows.lowerBound < $1.rows.lowerBound }
    var end = 0
    for run in runs {
      guard run.rows.lowerBound == end else { return nil }
      end = run.rows.upperBound
    }
    guard end == rows else { return nil }
    layout = .runs(runs)
  }

  /// The pieces that some rows of the whole are made of: the part, its rows, and where they stand in the range.
  package func pieces(of range: Range<Int>) -> [(part: Int, rows: Range<Int>, place: Int)] {
    var result: [(part: Int, rows: Range<Int>, place: Int)] = []
    var row = range.lowerBound
    switch layout {
    case .turns(let parts, let length):
      while row < range.upperBound {
        let (turn, offset) = row.quotientAndRemainder(dividingBy: length)
        let count = min(length - offset, range.upperBound - row)
        let first = turn / parts.count * length + offset
        result.append((parts[turn % parts.count], first..<first + count, row - range.lowerBound))
        row += count
      }
    case .runs(let runs):
      var (low, high) = (0, max(0, runs.count - 1))
      while low < high {
        let middle = (low + high + 1) / 2
        if runs[middle].rows.lowerBound <= row { low = middle } else { high = middle - 1 }
      }
      while row < range.upperBound, low < runs.count {
        let run = runs[low]
        let count = min(run.rows.upperBound, range.upperBound) - row
        let first = run.first + row - run.rows.lowerBound
        result.append((run.part, first..<first + count, row - range.lowerBound))
        row += count
        low += 1
      }
    }
    return result
  }
}

/// A tensor of a dialect, and what it is made of: one stored tensor, items that follow each other along the outermost dimension, parts whose
/// rows are brought together, or planes; nothing where its values are computed.
package struct GatheredTensor: Sendable {
  package let name: String
  package let shape: Shape
  package var parts: [TensorPart]
  /// The type its family publishes it in.
  package let declared: ElementType
  /// Its values, where it has no parts.
  package let computed: [Float]?
  /// The blocks its family publishes it in; nil for numbers.
  package var publishedBlocks: TensorType?
  /// The type it has whatever is asked for; nil for those that follow.
  package let fixedType: TensorType?

  package init(
    name: String, shape: Shape, parts: [TensorPart], declared: ElementType, computed: [Float]? = nil,
    fixedType: TensorType? = nil
  ) {
    self.name = name
    self.shape = shape
    self.parts = parts
    self.declared = declared
    self.computed = computed
    self.fixedType = fixedType
  }
}

extension RuleCheck {
  /// The wanted tensors as a dialect has them, in the order of the rules: those that share a name there are parts of one.
  package func gathered(
    in dialect: Dialect, where isIncluded: (TensorRule) -> Bool = { _ in true }
  ) throws(CheckpointError) -> [GatheredTensor] {
    var result: [GatheredTensor] = []
    var places: [BinaryString: Int] = [:]
    /// The stored tensor and the steps of each tensor's last part.
    var last: [(name: String, steps: [TensorStep])] = []
    for rule in wanted where isIncluded(rule) && rule.isStored(in: dialect) {
      let name = rule.name(in: dialect)
      guard let entry = entry(rule) else {
        if let values = rule.computed {
          result.append(
            GatheredTensor(
              name: name, shape: rule.shape(in: dialect), parts: [], declared: rule.declared, computed: values))
          last.append(("", []))
        }
        continue
      }
      let steps = rule.steps(from: checkpoint(of: rule), to: dialect)
      let place = places[BinaryString(name)]
      // Rules that differ in a third dialect alone are about one tensor here.
      if let place, last[place].name == entry.name, last[place].steps == steps { continue }
      let part = try TensorPart(entry, steps)
      guard let place else {
        places[BinaryString(name)] = result.count
        var tensor = GatheredTensor(
          name: name, shape: rule.shape(in: dialect), parts: [part], declared: rule.declared,
          fixedType: dialect == .gguf ? rule.ggufType : nil)
        tensor.publishedBlocks = rule.publishedBlocks
        result.append(tensor)
        last.append((entry.name, steps))
        continue
      }
      result[place].parts.append(part)
      last[place] = (entry.name, steps)
    }
    return result
  }
}
