import Base
import Calibration
import Containers
import Conversion
import Evaluation
import Quants
import TestSupport
import Testing

/// Types under a budget, on the tiny model with importance of llama-imatrix.
struct TypeChooserTests {
  private let folder: TemporaryFolder
  private let options: ConversionOptions
  private static let model = Fixtures.path("tiny-qwen3.5")

  init() throws {
    folder = try TemporaryFolder()
    var options = ConversionOptions.quantize(try .named("Q4_K_M"))
    options.vision = false
    options.output = folder.file("m.gguf")
    self.options = options
  }

  /// A calibration whose sensitivities are made up: every matrix of a layer in Q4_K, the table in two types.
  private func guide(
    beside others: [TensorSensitivity] = [], _ change: (TensorSensitivity) -> TensorSensitivity? = { $0 }
  ) throws -> CalibrationGuide {
    let importance = try ImportanceMatrix(path: Fixtures.path("golden/tiny-qwen3.5/imatrix.gguf"))
    let (q2, q4) = (try #require(TensorType(name: "Q2_K")), try #require(TensorType(name: "Q4_K")))
    var numbers = Numbers(7)
    var all = importance.entries.map { entry in
      let divergence = 1e-6 * Double(1 + numbers.next(3_000))
      return TensorSensitivity(name: entry.name, type: q4, divergence: divergence)
    }
    all.append(TensorSensitivity(name: "token_embd.weight", type: q2, divergence: 0.14))
    all.append(TensorSensitivity(name: "token_embd.weight", type: q4, divergence: 0.008))
    let calibration = Calibration(
      importance: importance, sensitivities: all.compactMap(change) + others,
      origin: .init(
        model: "tiny", sha256: "0", fingerprint: "0", context: 256, seed: 0, method: "measured", sources: [],
        sequences: [CalibrationSequence(TokenWindow(tokens: [1, 2, 3, 4], scored: [2]))]))
    let path = folder.file("cal.gguf")
    try calibration.write(to: path, overwrite: true)
    return try CalibrationGuide(path: path)
  }

  private func chooser(_ guide: CalibrationGuide, _ family: CandidateTypes.Family = .kAndIQ4) -> TypeChooser {
    TypeChooser(source: Self.model, guide: guide, candidates: CandidateTypes(family), threads: 2)
  }

  @Test func `budgets are kept and used, and more room costs less divergence`() throws {
    let chooser = chooser(try guide(), .kAndIQ)
    let costs = try chooser.costs(options)
    let whole = costs.plan.bytesOut
    var last = Double.infinity
    for step in 0..<10 {
      // From half of the recipe's bytes to half as many again.
      let limit = whole * UInt64(9 + 2 * step) / 18
      let choice = try chooser.choose(options, by: costs, within: .bytes(limit))
      #expect(choice.plan.bytesOut <= limit && choice.forecast.budget == limit)
      #expect(Double(limit - choice.plan.bytesOut) <= 0.005 * Double(limit), "\(limit) and \(choice.plan.bytesOut)")
      #expect(choice.forecast.divergence < last)
      last = choice.forecast.divergence
    }
    // The MTP block, of which nothing is known, keeps what the recipe gives it.
    let types = Dictionary(costs.plan.files[0].tensors.map { ($0.name, $0.type) }) { first, _ in first }
    let choice = try chooser.choose(options, by: costs, within: .recipe)
    #expect(choice.plan.bytesOut <= whole)
    let unknown = choice.forecast.rows.filter { $0.divergence == nil }
    #expect(unknown.count == 8 && unknown.allSatisfy { $0.name.hasPrefix("blk.8.") && $0.type == types[$0.name]?.name })
    #expect(
      choice.forecast.notes.first?.hasPrefix("the calibration does not say what it costs to store 8 tensors, which")
        == true)
    #expect(choice.plan.files[0].metadata["quern.calibration.predicted_divergence"] != nil)
    // In bits of a weight, as `show` counts them.
    let file = try chooser.choose(options, by: costs, within: .bitsPerWeight(4.25)).plan.files[0]
    let bits = Double(file.tensors.reduce(0) { $0 + $1.byteCount }) * 8 / Double(file.parameterCount)
    #expect(bits <= 4.25 && bits > 4.24)
    // Too little, and more than enough.
    #expect(throws: CheckpointError.self) { try chooser.choose(options, by: costs, within: .bitsPerWeight(1)) }
    let refused = try #require(throws: CheckpointError.self) {
      try chooser.choose(options, by: costs, within: .bytes(1_000_000))
    }
    #expect(refused.code == .usage)
    let least = try #require(refused.message.split(separator: " ").last.flatMap { UInt64($0) })
    let smallest = try chooser.choose(options, by: costs, within: .bytes(least))
    #expect(smallest.plan.bytesOut == least && smallest.forecast.rows[0].type == "Q2_K")
    #expect(throws: CheckpointError.self) { try chooser.choose(options, by: costs, within: .bytes(least - 1)) }
    let all = try chooser.choose(options, by: costs, within: .bytes(1 << 40)).forecast
    #expect(all.divergence == 0 && all.rows.allSatisfy { $0.type == "BF16" || $0.divergence == nil })
  }

  @Test func `a saved recipe makes the same bytes`() throws {
    let guide = try guide()
    var options = options
    options.overrides = [("blk.0.attn_qkv", .q8_0)]
    options.savedRecipe = folder.file("r.txt")
    let choice = try chooser(guide, .k).choose(options, within: .recipe)
    #expect(choice.forecast.rows.first { $0.name == "blk.0.attn_qkv.weight" }?.type == "Q8_0")
    _ = try choice.plan.run(threads: 2)
    var again = ConversionOptions.quantize(try Recipe(file: folder.file("r.txt")))
    again.vision = false
    again.output = folder.file("n.gguf")
    again.recipeFile = folder.file("r.txt")
    let kept = try chooser(guide).keepingTypes(again)
    #expect(kept.forecast.divergence == choice.forecast.divergence && kept.forecast.budget == nil)
    _ = try kept.plan.run(threads: 1)
    let files = try ["m.gguf", "n.gguf"].map { try SHA256Hash.hash(of: InputFile(path: folder.file($0))) }
    #expect(files[0] == files[1])
  }

  @Test func `a vision encoder takes part where everything has to fit`() throws {
    let q8 = TensorType.q8_0
    let names = ["v.blk.0.ffn_up.weight", "v.blk.1.ffn_down.weight", "mm.0.weight"]
    let guide = try guide(beside: names.map { TensorSensitivity(name: $0, type: q8, divergence: 1e-9) })
    var options = options
    options.vision = true
    options.visionOutput = folder.file("mmproj.gguf")
    options.savedRecipe = folder.file("r.txt")
    let chooser = TypeChooser(source: Self.model, guide: guide, candidates: CandidateTypes(.k), threads: 2)
    let same = try chooser.choose(options, within: .recipe)
    #expect(same.plan.files[1].tensors.allSatisfy { $0.type == .f16 || $0.type == .f32 })
    let limit = same.plan.bytesOut - 400_000
    let choice = try chooser.choose(options, within: .bytes(limit))
    #expect(choice.plan.bytesOut <= limit)
    let small = choice.plan.files[1].tensors.filter(\.type.isBlock).map(\.name)
    #expect(!small.isEmpty && small.allSatisfy { names.contains($0) }, "\(small)")
    #expect(choice.plan.files[1].tensors.allSatisfy { $0.type.bitsPerWeight >= 4 })
    #expect(choice.forecast.rows.suffix(names.count).allSatisfy { names.contains($0.name) && $0.divergence != nil })
    // The saved recipe has the types of both files.
    _ = try choice.plan.run(threads: 2)
    var again = ConversionOptions.quantize(try Recipe(file: folder.file("r.txt")))
    (again.output, again.visionOutput) = (folder.file("n.gguf"), folder.file("mmproj-n.gguf"))
    let kept = try chooser.keepingTypes(again)
    _ = try kept.plan.run(threads: 2)
    for (first, second) in [("m.gguf", "n.gguf"), ("mmproj.gguf", "mmproj-n.gguf")] {
      let sums = try [first, second].map { try SHA256Hash.hash(of: InputFile(path: folder.file($0))) }
      #expect(sums[0] == sums[1])
    }
    // A type that was asked for is kept.
    options.visionType = q8
    let asked = try chooser.choose(options, within: .bytes(limit)).plan.files[1]
    #expect(asked.tensors.filter(\.isChosen).allSatisfy { $0.type == q8 })
  }

  @Test func `without a recipe, what is not known follows the size`() throws {
    let guide = try guide { $0.name.hasPrefix("blk.0.") || $0.name.hasPrefix("token") ? $0 : nil }
    let chooser = TypeChooser(
      source: Self.model, guide: guide, candidates: CandidateTypes(only: [.q8_0, .bf16]), threads: 2)
    let all = try chooser.choose(options, within: .bytes(1 << 40), namesRecipe: false)
    #expect(all.forecast.rows.allSatisfy { $0.type == "BF16" } && all.plan.recipe.name == "calibrated")
    let some = try chooser.choose(options, within: .bytes(6_600_000), namesRecipe: false)
    #expect(some.forecast.rows.contains { $0.type == "Q6_K" && $0.divergence == nil })
    #expect(some.plan.bytesOut <= 6_600_000)
    let none = try self.guide { _ in nil }
    #expect(throws: CheckpointError.self) { try self.chooser(none).choose(options, within: .recipe) }
  }

  @Test(arguments: ["blk.0.ssm_out.weight", "token_embd.weight", "blk.3.attn_v.weight"])
  func `errors are those of a plain computation`(name: String) throws {
    let guide = try guide()
    let plan = try Conversion.plan(source: Self.model, options: options)
    let tensor = try #require(plan.files[0].tensors.first { $0.name == name })
    // The same weights by way of a file.
    var full = options
    full.recipe = .conversion(to: .f32)
    full.isQuantization = false
    full.overwrite = true
    _ = try Conversion.plan(source: Self.model, options: full).run(threads: 2)
    let values = try #require(Containers.open(folder.file("m.gguf"))[name]).readFloats(finite: true)
    let columns = tensor.shape.columns
    for type in try ["Q4_K", "Q3_K", "Q5_0"].map({ try #require(TensorType(name: $0)) }) {
      let weights = guide.weights(of: tensor, as: type)
      #expect((weights == nil) == (name == "token_embd.weight"))
      let table = try ErrorTable(tensor, weights: weights, guide: guide, kernels: Kernels.available[0], threads: 2)
      let codec = try #require(type.codec)
      var (sum, blocks) = (0.0, [UInt8](repeating: 0, count: try type.byteCount(columns: columns)))
      var decoded = [Float](repeating: 0, count: columns)
      for row in ErrorTable.rows(of: tensor.shape) {
        let own = Array(values[row * columns..<(row + 1) * columns])
        own.withUnsafeBufferPointer { own in
          blocks.withUnsafeMutableBytes { blocks in
            if let weights {
              weights.withUnsafeBufferPointer { codec.encode(own, importance: $0, into: blocks) }
            } else {
              codec.encode(own, importance: nil, into: blocks)
            }
            decoded.withUnsafeMutableBufferPointer { codec.decode(UnsafeRawBufferPointer(blocks), into: $0) }
          }
        }
        for column in 0..<columns {
          let difference = Double(own[column] - decoded[column])
          sum += Double(weights?[column] ?? 1) * difference * difference
        }
      }
      let error = try table(type)
      #expect(abs(error / sum - 1) < 1e-6, "\(type): \(error) and \(sum)")
    }
    #expect(try ErrorTable(tensor, weights: nil, guide: nil)(.bf16) == 0)
  }

  @Test func `large tensors are sampled evenly`() {
    let rows = ErrorTable.rows(of: Shape([10_000, 1_024]))
    #expect(rows.count == 256 && rows.first == 19 && rows.last == 9_980 && rows == rows.sorted())
    #expect(ErrorTable.rows(of: Shape([10, 64])) == Array(0..<10))
    #expect(ErrorTable.rows(of: Shape([2, 1 << 20])) == [1])
  }
}
