import Engine
import Quants
import TestSupport
import Testing

@Suite("The gated delta net")
struct DeltaNetTests {
  static let shapes = [
    GatedDeltaNet(keyHeads: 2, valueHeads: 4, keyDimension: 64, valueDimension: 64, order: .grouped),
    GatedDeltaNet(keyHeads: 2, valueHeads: 4, keyDimension: 64, valueDimension: 64, order: .tiled),
    GatedDeltaNet(keyHeads: 1, valueHeads: 3, keyDimension: 20, valueDimension: 28, order: .grouped),
  ]

  /// Inputs like those of a model: decays just below zero, rates between zero and one.
  struct Inputs {
    let mixed: Activations
    let decay: Activations
    let beta: Activations

    init(_ shape: GatedDeltaNet, tokens: Int, seed: UInt64, decay scale: Float = 0.5) {
      var numbers = Numbers(seed: seed)
      mixed = numbers.matrix(tokens, shape.channels)
      decay = numbers.matrix(tokens, shape.valueHeads, times: scale, plus: -scale)
      beta = numbers.matrix(tokens, shape.valueHeads, times: 0.5, plus: 0.5)
    }
  }

  private func state(_ shape: GatedDeltaNet) -> DeltaNetState {
    DeltaNetState(
      shape,
      convolution: CausalConvolution(
        channels: shape.channels, width: 4, weight: [Float](repeating: 0, count: 4 * shape.channels)))
  }

  private func run(
    _ shape: GatedDeltaNet, _ inputs: Inputs, _ form: GatedDeltaNet.Form, threads: Int = 1,
    kernels: Kernels = .best
  ) -> (output: [Float], memory: [Float]) {
    let state = state(shape)
    let mixed = Activations(rows: inputs.mixed.rows, columns: inputs.mixed.columns, inputs.mixed.values)
    let output = shape(
      mixed, decay: inputs.decay, beta: inputs.beta, state: state, form: form,
      Compute(threads: threads, kernels: kernels))
    return (output.values, state.memoryValues)
  }

  /// The rule in double precision, written from its definition.
  private func reference(_ shape: GatedDeltaNet, _ inputs: Inputs) -> [Float] {
    let (dk, dv, ratio) = (shape.keyDimension, shape.valueDimension, shape.valueHeads / shape.keyHeads)
    var output = [Float](repeating: 0, count: inputs.mixed.rows * shape.valueHeads * dv)
    for head in 0..<shape.valueHeads {
      let keyHead = shape.order == .grouped ? head / ratio : head % shape.keyHeads
      var memory = [[Double]](repeating: [Double](repeating: 0, count: dv), count: dk)
      for t in 0..<inputs.mixed.rows {
        let row = inputs.mixed.row(t).map(Double.init)
        func unit(_ start: Int) -> [Double] {
          let part = Array(row[start..<start + dk])
          let length = (part.map { $0 * $0 }.reduce(0, +) + 1e-6).squareRoot()
          return part.map { $0 / length }
        }
        let q = unit(keyHead * dk).map { $0 / Double(dk).squareRoot() }
        let k = unit((shape.keyHeads + keyHead) * dk)
        let start = 2 * shape.keyHeads * dk + head * dv
        let kept = Double(inputs.decay[t, head]).exponential
        for j in 0..<dv {
          for i in 0..<dk { memory[i][j] *= kept }
          let seen = (0..<dk).reduce(0.0) { $0 + memory[$1][j] * k[$1] }
          let d = (row[start + j] - seen) * Double(inputs.beta[t, head])
          for i in 0..<dk { memory[i][j] += k[i] * d }
          let sum = (0..<dk).reduce(0.0) { $0 + memory[$1][j] * q[$1] }
          output[(t * shape.valueHeads + head) * dv + j] = Float(sum)
        }
      }
    }
    return output
  }

  @Test("Both forms follow the rule at every level", arguments: 0..<3, [1, 5, 63, 64, 65, 200])
  func followsTheRule(shape index: Int, tokens: Int) {
    let shape = Self.shapes[index]
    let inputs = Inputs(shape, tokens: tokens, seed: UInt64(tokens))
    let expected = reference(shape, inputs)
    for kernels in Kernels.available {
      let recurrent = run(shape, inputs, .recurrent, kernels: kernels)
      let chunked = run(shape, inputs, .chunked, kernels: kernels)
      #expect(largestDifference(recurrent.output, expected) < 1e-5, "\(kernels)")
      #expect(largestDifference(chunked.output, expected) < 1e-5, "\(kernels)")
      #expect(largestDifference(chunked.memory, recurrent.memory) < 1e-5, "\(kernels)")
    }
  }

  @Test("One token is the written-out rule to the bit", arguments: Kernels.available, [1, 5, 20, 64, 100, 128])
  func oneToken(kernels: Kernels, width: Int) {
    var numbers = Numbers(seed: UInt64(width))
    func row(_ count: Int) -> [Float] { (0..<count).map { _ in numbers.next() } }
    let keys = 37
    let (start, k, q, v) = (row(keys * width), row(keys), row(keys), row(width))
    let plain = PlainRows(isFused: kernels.name != "portable")
    let expected = plain.deltaStep(start, k: k, q: q, v: v, kept: 0.9, rate: 0.4)
    let (memory, output) = (GuardedBuffer(start), GuardedBuffer(count: width * 4))
    let (key, query, value) = (GuardedBuffer(k), GuardedBuffer(q), GuardedBuffer(v))
    EngineKernels(kernels).deltaStep(
      Floats(memory.floats), keys: keys, values: width,
      k: Floats(key.floats), q: Floats(query.floats),
      v: Floats(value.floats), kept: 0.9, rate: 0.4,
      into: Floats(output.floats))
    #expect(Array(memory.floats) == expected.memory)
    #expect(Array(output.floats) == expected.output)
  }

  @Test("Memory that hardly fades and memory that is gone at once agree too", arguments: [0, 1e-4, 10, 60] as [Float])
  func extremeDecay(scale: Float) {
    let shape = Self.shapes[0]
    let inputs = Inputs(shape, tokens: 300, seed: 7, decay: scale)
    let recurrent = run(shape, inputs, .recurrent)
    let chunked = run(shape, inputs, .chunked)
    #expect(largestDifference(chunked.output, recurrent.output) < 2e-5)
    #expect(largestDifference(chunked.memory, recurrent.memory) < 2e-5)
  }

  @Test("The number of threads changes no bit", arguments: [2, 7])
  func threads(count: Int) {
    let inputs = Inputs(Self.shapes[1], tokens: 130, seed: 3)
    let one = run(Self.shapes[1], inputs, .chunked)
    let many = run(Self.shapes[1], inputs, .chunked, threads: count)
    #expect(one.output == many.output)
    #expect(one.memory == many.memory)
  }

  @Test("A sequence cut in two gives what the whole gives")
  func continues() {
    let shape = Self.shapes[0]
    let inputs = Inputs(shape, tokens: 150, seed: 9)
    let whole = run(shape, inputs, .recurrent)
    let state = state(shape)
    var output: [Float] = []
    for part in [0..<64, 64..<149, 149..<150] {
      func cut(_ x: Activations) -> Activations {
        Activations(rows: part.count, columns: x.columns, x.rows(part))
      }
      output +=
        shape(
          cut(inputs.mixed), decay: cut(inputs.decay), beta: cut(inputs.beta), state: state, Compute(threads: 1)
        ).values
    }
    #expect(largestDifference(output, whole.output) < 1e-5)
  }
}
