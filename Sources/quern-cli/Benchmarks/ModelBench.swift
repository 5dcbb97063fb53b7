import Base
import Engine
import Quants
import Runtime
import Tokenizers

/// A whole model: a prompt against the arithmetic peak, one token after another against reading memory.
///
/// What is timed is what llama-bench times as `pp` and `tg`: tokens drawn at random, in a sequence that begins with them; of a prompt
/// the last token's logits, in generation every token's. Loading and tokenizing are not in it, nor is choosing a token.
package struct ModelBench {
  /// How much is measured.
  package struct Size: Sendable {
    /// Tokens of the prompt.
    package var prompt = 512
    /// Tokens that follow one another.
    package var generated = 32
    /// Times each is run.
    package var rounds: Int
    /// Bytes whose reading is the limit.
    package var memory = ReadMemory.beyondCaches

    package init(rounds: Int = 3) { self.rounds = rounds }
  }

  private let opened: OpenedModel
  private let compute: Compute
  private let context: BenchContext
  private let size: Size
  private let promptName: String
  private let generationName: String

  private init(_ opened: OpenedModel, _ compute: Compute, _ size: Size) {
    (self.opened, self.compute, self.size) = (opened, compute, size)
    context = BenchContext(kernels: compute.kernels.kernels, pool: compute.product.pool)
    (promptName, generationName) = ("prompt \(size.prompt)", "generation \(size.generated)")
  }

  /// Measures a model and what bounds it, the rows whose name contains `filter`.
  ///
  /// - Parameters:
  ///   - opened: the model.
  ///   - filter: part of a name, in any case; nil for all.
  ///   - levels: the levels to measure.
  ///   - threads: threads that share the work; the limits are also measured on one.
  ///   - size: how much.
  ///   - report: called with every row as it is measured.
  /// - Throws: `mismatch` when the model's context is shorter than the prompt.
  package static func run(
    _ opened: OpenedModel, filter: String? = nil, levels: [Kernels] = [.best], threads: Int = Threads.available,
    size: Size = Size(), report: (BenchRow) -> Void
  ) throws(CheckpointError) {
    let wants = KernelBench.wanting(filter)
    for kernels in levels {
      let alone = BenchContext(kernels: kernels, pool: WorkerPool(threads: 1))
      let bench = ModelBench(opened, Compute(threads: threads, kernels: kernels), size)
      KernelBench.reportLimits(threads > 1 ? [alone, bench.context] : [alone], memory: size.memory, wants, report)
      if wants(bench.promptName) { report(try bench.prompt()) }
      if wants(bench.generationName) { report(try bench.generation()) }
    }
  }

  private func prompt() throws(CheckpointError) -> BenchRow {
    let tokens = randomTokens(size.prompt)
    let work = try work(tokens: tokens.count) { session throws(CheckpointError) in try session.read(tokens) }
    var seconds: [Double] = []
    var peak = 0.0
    for _ in 0..<size.rounds {
      // The limit is taken beside each round, since a busy machine changes both.
      peak = max(peak, context.peak())
      var session = Session(model: opened.model, compute: compute, capacity: tokens.count)
      let start = BenchContext.now()
      try session.read(tokens)
      seconds.append((BenchContext.now() - start) / Double(tokens.count))
    }
    let limit = peak * 1e9 / 2 / work.multiplyAdds
    return BenchRow(promptName, context, secondsPerToken: seconds, work, of: ("fma peak", limit))
  }

  private func generation() throws(CheckpointError) -> BenchRow {
    let tokens = randomTokens(size.generated)
    let work = try work(tokens: 1) { session throws(CheckpointError) in try session.read([tokens[0]]) }
    let memory = ReadMemory(byteCount: size.memory)
    var seconds: [Double] = []
    var reading = 0.0
    for _ in 0..<size.rounds {
      reading = max(reading, context.reading(memory))
      var session = Session(model: opened.model, compute: compute, capacity: tokens.count)
      let start = BenchContext.now()
      for token in tokens { try session.read([token]) }
      seconds.append((BenchContext.now() - start) / Double(tokens.count))
    }
    let limit = reading * 1e9 / work.weightBytes
    return BenchRow(generationName, context, secondsPerToken: seconds, work, of: ("reading memory", limit))
  }

  /// What the products of a run take, counted while it warms up.
  private func work(
    tokens: Int, _ body: (inout Session) throws(CheckpointError) -> Void
  ) throws(CheckpointError) -> TokenWork {
    let sums = Lock((bytes: 0, multiplyAdds: 0))
    var counting = compute
    counting.tap = { weight, inputs in
      sums.withLock {
        $0.bytes += weight.byteCount
        $0.multiplyAdds += inputs.rows * weight.rows * weight.columns
      }
    }
    var session = Session(model: opened.model, compute: counting, capacity: tokens)
    try body(&session)
    let (bytes, multiplyAdds) = sums.withLock { $0 }
    return TokenWork(weightBytes: Double(bytes) / Double(tokens), multiplyAdds: Double(multiplyAdds) / Double(tokens))
  }

  /// Tokens of the vocabulary, the same every time.
  private func randomTokens(_ count: Int) -> [Int32] {
    var state: UInt64 = 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int32(state >> 33) % Int32(opened.tokenizer.vocabularySize)
    }
  }
}
