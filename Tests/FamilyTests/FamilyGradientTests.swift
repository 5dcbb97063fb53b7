import Base
import Containers
import Engine
import Quants
import Runtime
import TestSupport
import Testing

/// A layer's gradients against central differences of its own forward pass: at its inputs, and, through what a visitor sees, at each of its
/// matrices.
@Suite("Gradients of families")
struct FamilyGradientTests {
  private static let tokens = 40

  /// Reproducible numbers between -1 and 1.
  fileprivate static func random(_ count: Int, seed: UInt64) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(state >> 40) / 8_388_608 - 1
    }
  }

  fileprivate static func dot(_ a: [Float], _ b: [Float]) -> Double {
    zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }

  /// What was seen of the products with one matrix, each with a direction in which its weights are moved.
  private struct Seen {
    struct Part {
      let weight: WeightMatrix
      let inputs: Activations
      let gradient: Activations
      let direction: [Float]
    }
    var parts: [Part] = []

    mutating func add(_ product: ProductGradient) {
      let (weight, x, g) = (product.weight, product.inputs, product.atOutputs)
      parts.append(
        Part(
          weight: weight, inputs: x.copy(of: 0..<x.rows), gradient: g.copy(of: 0..<g.rows),
          direction: FamilyGradientTests.random(weight.rows * weight.columns, seed: UInt64(parts.count + 21))))
    }

    /// What the gradients say along the direction, and what they say along a usual one.
    func said(_ compute: Compute) throws -> (along: Double, usual: Double) {
      var (along, squares) = (0.0, 0.0)
      for part in parts {
        let (x, g) = (part.inputs, part.gradient)
        let moved = Activations(rows: part.weight.rows, columns: part.weight.columns, part.direction)
        along += FamilyGradientTests.dot(g.values, compute.product(x, try moved.asWeights()).values)
        // The square of the sum of outer products g x.
        squares += FamilyGradientTests.dot(
          compute.product(x, try x.asWeights()).values, compute.product(g, try g.asWeights()).values)
      }
      // The numbers of a direction have a mean square of a third.
      return (along, (squares / 3).squareRoot())
    }
  }

  fileprivate static func decoded(_ w: WeightMatrix) -> [Float] {
    var values = [Float](repeating: 0, count: w.rows * w.columns)
    values.withUnsafeMutableBufferPointer { all in
      for row in 0..<w.rows {
        w.decode(row: row, into: UnsafeMutableBufferPointer(rebasing: all[row * w.columns..<(row + 1) * w.columns]))
      }
    }
    return values
  }

  /// One layer, the inputs it gets, and a random sum over its outputs.
  private struct Probe {
    let model: any Differentiable
    let layer: Int
    let x: Activations
    let c: [Float]

    func value(_ x: Activations, _ compute: Compute) -> Double {
      FamilyGradientTests.dot(model.layer(layer, of: [x], compute: compute)[0].values, c)
    }

    func pullback(_ compute: Compute) -> Pullback {
      model.pullback(
        ofLayer: layer, x, turns: Turns(at: Positions(text: x.rows, from: 0), length: x.rows), compute: compute)
    }

    var gradient: Activations { Activations(rows: x.rows, columns: x.columns, c) }

    /// Along a direction, forward and back.
    func slope(along v: [Float], step: Float, _ compute: Compute) -> Double {
      func moved(_ step: Float) -> Activations {
        Activations(rows: x.rows, columns: x.columns, zip(x.values, v).map { $0 + step * $1 })
      }
      return (value(moved(step), compute) - value(moved(-step), compute)) / Double(2 * step)
    }

    /// The same with a matrix that changes.
    func slope(_ seen: Seen, step share: Float, _ compute: Compute) throws -> Double {
      let rows = seen.parts.map { $0.weight.firstRow + $0.weight.rows }.max() ?? 0
      let weights = seen.parts.map { FamilyGradientTests.decoded($0.weight) }
      let all = weights.flatMap { $0 }
      let step = Float((FamilyGradientTests.dot(all, all) / Double(all.count)).squareRoot()) * share
      func moved(_ step: Float) throws -> Double {
        let columns = seen.parts[0].weight.columns
        var values = [Float](repeating: 0, count: rows * columns)
        for (part, weights) in zip(seen.parts, weights) {
          let first = part.weight.firstRow * columns
          for place in weights.indices { values[first + place] = weights[place] + step * part.direction[place] }
        }
        var compute = compute
        compute.replaced[seen.parts[0].weight.name] = try WeightMatrix(
          rows: rows, columns: columns, type: .f32, copying: values.withUnsafeBytes { [UInt8]($0) })
        return value(x, compute)
      }
      return (try moved(step) - moved(-step)) / Double(2 * step)
    }
  }

  private static func probes(_ path: String, _ compute: Compute) throws -> [Probe] {
    let opened = try OpenedModel(path)
    let model = try #require(opened.model as? any Differentiable)
    var x = try model.embed((0..<tokens).map { Int32(($0 * 7919 + 13) % min(600, model.vocabularySize)) })
    return (0..<min(4, model.layerCount)).map { layer in
      defer { x = model.layer(layer, of: [x], compute: compute)[0] }
      return Probe(
        model: model, layer: layer, x: x, c: random(tokens * model.hiddenSize, seed: UInt64(layer + 1)))
    }
  }

  /// How far a slope is from what a gradient says, as a share of what a random direction usually gives.
  private static func difference(_ slope: Double, _ gradient: [Float], _ v: [Float]) -> Double {
    let usual = (dot(gradient, gradient) * dot(v, v) / Double(v.count)).squareRoot()
    let said = dot(gradient, v)
    return abs(slope - said) / max(usual, abs(said))
  }

  /// The first small one of some steps' differences, or else the least: a step that makes a token choose another expert does not find a slope,
  /// so that a shorter one has to, and a slope that is small beside what is rounded takes a longer one.
  private static func least(_ difference: (Float) throws -> Double) rethrows -> Double {
    var least = Double.infinity
    for step: Float in [2e-3, 2e-2, 3e-4, 5e-5] where !(least < 1e-2) { least = min(least, try difference(step)) }
    return least
  }

  @Test(
    "A layer's gradients are its slopes, at any number of threads",
    arguments: ["tiny-qwen3.5"] + FamilyGolden.all.map { "families/\($0.name)/model" })
  func layers(path: String) throws {
    let compute = Compute(threads: 2)
    for probe in try Self.probes(Fixtures.path(path), compute) {
      var seen: [String: Seen] = [:]
      let pullback = probe.pullback(compute)
      #expect(
        pullback.output().values == probe.model.layer(probe.layer, of: [probe.x], compute: compute)[0].values)
      let found = pullback.backward(probe.gradient) { seen[$0.weight.name, default: Seen()].add($0) }.values
      #expect(probe.pullback(Compute(threads: 1)).backward(probe.gradient, nil).values == found)
      let size = (Self.dot(probe.x.values, probe.x.values) / Double(found.count)).squareRoot()
      for seed in 11..<13 {
        let v = Self.random(found.count, seed: UInt64(seed))
        let difference = Self.least { step in
          Self.difference(probe.slope(along: v, step: Float(size) * step, compute), found, v)
        }
        #expect(difference < 1e-2, "layer \(probe.layer)")
      }
      for (name, seen) in seen {
        let (along, usual) = try seen.said(compute)
        let difference = try Self.least { step in
          abs(try probe.slope(seen, step: step, compute) - along) / max(usual, abs(along))
        }
        #expect(difference < 1e-2, "layer \(probe.layer) \(name)")
      }
      #expect(seen.count > 3)
    }
  }

  @Test("The gradient at the hidden states behind the last layer is the slope of what the logits add up to")
  func ends() throws {
    let compute = Compute(threads: 2)
    for path in ["tiny-qwen3.5", "families/gemma3/model", "families/llama3/model"] {
      let model = try #require(try OpenedModel(Fixtures.path(path)).model as? any Differentiable)
      let hidden = try model.embed([5, 17, 300, 2, 77, 8])
      let all = 0..<model.vocabularySize
      func logits(_ hidden: Activations) -> Activations {
        model.logits(model.normed(hidden, rows: 0..<hidden.rows, compute: compute), vocabulary: all, compute: compute)
      }
      let before = logits(hidden)
      let c = Self.random(before.rows * before.columns, seed: 3)
      let atNormed = model.backwardThroughHead(
        Activations(rows: before.rows, columns: before.columns, c), logits: before, compute: compute)
      let found = model.backwardThroughNorm(atNormed, hidden: hidden, compute: compute).values
      let values = hidden.values
      let step = Float((Self.dot(values, values) / Double(values.count)).squareRoot()) * 2e-3
      let v = Self.random(values.count, seed: 4)
      func moved(_ step: Float) -> Double {
        let x = Activations(rows: hidden.rows, columns: hidden.columns, zip(values, v).map { $0 + step * $1 })
        return Self.dot(logits(x).values, c)
      }
      let slope = (moved(step) - moved(-step)) / Double(2 * step)
      #expect(Self.difference(slope, found, v) < 1e-2, "\(path)")
    }
  }
}
