import Base
import Calibration
import Conversion
import Quants
import Testing
import Text

/// Which types are looked at, what they are expected to cost, and the recipe they become.
struct CandidateTests {
  private func names(
    _ family: CandidateTypes.Family, _ columns: Int, source: TensorType = .bf16, importance: Bool = true,
    only: String? = nil
  ) throws -> [String] {
    let candidates = CandidateTypes(family, only: try only.map(RuntimeTypes.parse))
    return candidates.types(columns: columns, source: source, hasImportance: importance).map(\.name)
  }

  @Test func `types follow the length of rows`() throws {
    #expect(try names(.k, 512) == ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "BF16"])
    #expect(try names(.k, 576) == ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "BF16"])
    #expect(try names(.kAndIQ4, 576).contains("IQ4_NL") && !names(.kAndIQ4, 576).contains("IQ4_XS"))
    #expect(try names(.kAndIQ4, 256).contains("IQ4_XS") && names(.kAndIQ4, 256).count == 9)
    #expect(try names(.kAndIQ, 256).contains("IQ1_S") && !names(.kAndIQ, 256, importance: false).contains("IQ3_S"))
    #expect(try names(.k, 100) == ["BF16"])
    #expect(try names(.k, 256, source: .f32).suffix(2) == ["BF16", "F32"])
  }

  @Test func `what is quantized already becomes no larger`() throws {
    let source = try #require(TensorType(name: "Q4_K"))
    #expect(try names(.k, 256, source: source) == ["Q2_K", "Q3_K", "Q4_K"])
  }

  @Test func `a runtime's types are all there are`() throws {
    #expect(try names(.kAndIQ4, 256, only: "opencl-adreno").contains("Q4_0"))
    #expect(try !names(.kAndIQ4, 256, only: "opencl-adreno").contains("Q3_K"))
    #expect(try names(.k, 256, only: "q4_0,IQ3_S") == ["Q4_0", "IQ3_S"])
    #expect(try names(.k, 32, only: "Q4_K") == [])
    for name in RuntimeTypes.names { #expect(try !RuntimeTypes.parse(name).isEmpty) }
    for list in ["", "Q4_9", "Q4_0,", "I8"] { #expect(throws: CheckpointError.self) { try RuntimeTypes.parse(list) } }
  }

  @Test func `divergence grows with the squared error`() throws {
    let line = try #require(DivergenceCurve([(2, 0.01)]))
    #expect(line(0) == 0 && abs(line(8) - 0.04) < 1e-15)
    // A square law between and beyond; what was tried is met.
    let curve = try #require(DivergenceCurve([(1, 0.01), (10, 1), (0, 5), (.infinity, 1)]))
    for (error, divergence) in [(1.0, 0.01), (10, 1), (2, 0.04), (100, 100), (0.1, 0.0001)] {
      #expect(abs(curve(error) / divergence - 1) < 1e-9, "\(error)")
    }
    // What falls with the error is noise.
    let noise = try #require(DivergenceCurve([(1, 0.02), (2, 0.01)]))
    #expect(noise(8) > noise(2) && noise(0.1) < noise(1))
    #expect(DivergenceCurve([(1, 0), (0, 1)]) == nil && DivergenceCurve([]) == nil)
  }

  @Test func `a recipe of single tensors finds those and no others`() throws {
    let q4 = try #require(TensorType(name: "Q4_K"))
    let q6 = try #require(TensorType(name: "Q6_K"))
    let names =
      (0..<300).map { "blk.\($0).attn_q.weight" }
      + ["output.weight", "blk.01.attn_q.weight", "a(b)[c]*.weight", "blk.3.weight", "x/y;z #.weight"]
    let types = names.enumerated().map { ($1, $0 % 3 == 0 ? q4 : $0 % 3 == 1 ? q6 : TensorType.q8_0) }
    let recipe = try Recipe(text: Recipe("each", types: types).text)
    #expect(recipe.name == "each" && recipe.base == q4 && recipe.rules.count < 8)
    var found = names.map { _ in q4 }
    for rule in recipe.rules {
      guard case .pattern(let pattern)? = rule.conditions.first else { continue }
      for (index, isFound) in try NamePattern(pattern).isFound(in: names).enumerated() where isFound {
        found[index] = rule.type
      }
      #expect(
        try !NamePattern(pattern).isFound(in: ["ablk.1.attn_q.weight", "blk.1.attn_q.weights", "outputxweight"])
          .contains(true))
    }
    #expect(found == types.map(\.1))
  }
}
