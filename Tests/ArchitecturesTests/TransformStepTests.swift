import Architectures
import Base
import Testing

/// Steps between dialects: what is done and undone, and what cancels.
struct TransformStepTests {
  private let order = BlockPermutation(keyHeads: 2, ratio: 2, block: 1)

  @Test func `what two forms share is neither undone nor done`() {
    let norm = TensorRule("n.weight", "n", shape: [4], steps: [.addOne], mlx: ([4], [.addOne]))
    #expect(norm.steps(from: .mlx, to: .gguf).isEmpty)
    #expect(norm.steps(from: .gguf, to: .huggingFace) == [TensorStep(undoing: .addOne)])
    for dialect in Dialect.allCases { #expect(norm.steps(from: dialect, to: dialect).isEmpty) }
    let rates = TensorRule("A_log", "ssm_a", shape: [4], steps: [.negativeExponential, .columns(order)])
    #expect(
      rates.steps(from: .gguf, to: .huggingFace)
        == [TensorStep(.columns(order.inverse)), TensorStep(undoing: .negativeExponential)])
  }

  /// [2, 3 channels, 2 frames, 2 x 2]: GGUF has a tensor a frame, MLX the channels last.
  @Test func `planes come from either form and go back`() {
    let rules = (0..<2).map { frame in
      TensorRule(
        "p", "p.\(frame)", shape: [2, 3, 2, 2, 2], ggufShape: [2, 3, 2, 2],
        steps: [.plane(.init(index: frame, count: 2, width: 4))],
        mlx: ([2, 2, 2, 2, 3], [.transposed(rows: 3, columns: 8)]))
    }
    let values = (0..<48).map { Float($0) }
    let mlx = TransformSteps.apply(rules[0].steps(from: .huggingFace, to: .mlx), to: values)
    #expect(Array(mlx[..<4]) == [0, 8, 16, 1])
    #expect(TransformSteps.apply(rules[0].steps(from: .mlx, to: .huggingFace), to: mlx) == values)
    let planes = rules.map { TransformSteps.apply($0.steps(from: .huggingFace, to: .gguf), to: values) }
    #expect(planes[1].prefix(8) == [4, 5, 6, 7, 12, 13, 14, 15])
    #expect(rules.map { TransformSteps.apply($0.steps(from: .mlx, to: .gguf), to: mlx) } == planes)
    #expect(TransformSteps.joined(planes, rules.map { $0.steps(from: .gguf, to: .huggingFace) }, as: .f32) == values)
  }

  @Test func `rows and columns of a matrix change places and go back`() {
    let values = (0..<32).map { Float($0) }
    for (rule, second) in [
      (TensorRule("m", "m", shape: [4, 8], steps: [.rows(order)]), 16 as Float),
      (TensorRule("m", "m", shape: [8, 4], steps: [.columns(order)]), 2),
    ] {
      let moved = TransformSteps.apply(rule.steps(from: .huggingFace, to: .gguf), to: values)
      #expect(moved[rule.shape(in: .gguf).dimensions[1] == 8 ? 8 : 1] == second && moved != values)
      #expect(TransformSteps.apply(rule.steps(from: .gguf, to: .huggingFace), to: moved) == values)
    }
  }

  @Test(arguments: [ElementType.bf16, .f16, .f32])
  func `a norm's factor finds the number it was made of`(type: ElementType) {
    let steps = [TensorStep(undoing: .addOne)]
    for value in [0, 0.5, -0.25, 0.0078125, 3] as [Float] {
      #expect(TransformSteps.apply(steps, to: [value + 1], as: type) == [value])
    }
  }
}
