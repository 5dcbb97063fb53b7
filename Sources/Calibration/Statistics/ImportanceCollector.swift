import Base
import Containers
import Engine

/// Sums of the squared inputs of every matrix of the decoder layers, experts apart: what llama-imatrix collects.
package final class ImportanceCollector: Sendable {
  private struct Sums {
    var squares: [Double]
    var tokens = 0
  }

  /// Of each matrix, by the number of the expert; plain matrices are expert 0.
  private let found = Lock<[String: [Int: Sums]]>([:])

  package init() {}

  /// Sees what products read.
  var tap: ProductTap {
    { [self] weight, inputs in
      guard weight.name.hasPrefix("blk."), weight.rows > 0 else { return }
      add(inputs, to: weight.name, expert: weight.firstRow / weight.rows)
    }
  }

  private func add(_ inputs: Activations, to name: String, expert: Int) {
    found.withLock { found in
      // Taken out and put back: a copy for every product would cost more than the sums.
      var sums =
        found[name]?.removeValue(forKey: expert) ?? Sums(squares: [Double](repeating: 0, count: inputs.columns))
      inputs.withElements { all in
        sums.squares.withUnsafeMutableBufferPointer { squares in
          for row in 0..<inputs.rows {
            for column in squares.indices {
              let value = all[row * squares.count + column]
              squares[column] += Double(value * value)
            }
          }
        }
      }
      sums.tokens += inputs.rows
      found[name, default: [:]][expert] = sums
    }
  }

  /// The entries of an importance matrix, of matrices that are there so many times; experts that saw nothing have zeros.
  package func entries(experts count: (String) -> Int) -> [ImportanceMatrix.Entry] {
    found.withLock { found in
      found.map { name, experts in
        let columns = experts.values.first?.squares.count ?? 0
        let count = max(count(name), (experts.keys.max() ?? 0) + 1)
        var (sums, counts) = ([Float](), [Float]())
        for expert in 0..<count {
          sums += experts[expert]?.squares.map { Float($0) } ?? [Float](repeating: 0, count: columns)
          counts.append(Float(experts[expert]?.tokens ?? 0))
        }
        return ImportanceMatrix.Entry(name: name, sums: sums, counts: counts)
      }
    }
  }
}
