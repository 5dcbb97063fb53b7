import Engine
import Evaluation
import Runtime
import TestSupport
import Testing

@Test("A trace has every tensor in the order it was computed")
func trace() throws {
  let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
  let trace = try Trace([5, 6, 7], model: opened.model, compute: Compute(threads: 1))
  let layers = (0..<8).map { "layer.\($0)" }
  #expect(trace.tensors.map(\.name) == ["input_ids", "position_ids"] + layers + ["logits"])
  #expect(trace["input_ids"]?.value == .int32([5, 6, 7]))
  #expect(trace["position_ids"]?.value == .int32([0, 1, 2, 0, 1, 2, 0, 1, 2]))
  #expect(trace["layer.3"]?.shape == [3, 256])
  #expect(trace["logits"]?.shape == [3, 4096])
}
