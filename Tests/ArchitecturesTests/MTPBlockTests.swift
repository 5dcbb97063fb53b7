import Base
import Containers
import Conversion
import Engine
import Quants
import Runtime
import TestSupport
import Testing

@Suite("The MTP block")
struct MTPBlockTests {
  private let compute = Compute(threads: 2)

  /// What the block makes of a prompt and the token behind it: what the head reads at the last four places and at a second step.
  private func answers(_ opened: OpenedModel) throws -> (last: [Float], logits: [Float], token: Int32, second: [Float])
  {
    let block = try #require(opened.draftBlock())
    let reference = try Reference()
    let tokens = try reference.tokens("prose.input_ids")
    let next = try reference.tokens("prose.generated")[0]
    var state = opened.model.makeState(capacity: 0)
    let hidden = try opened.model.forward(tokens, state: &state, compute: compute)
    let places = DraftPlaces(
      hidden: opened.model.normed(hidden, rows: 0..<tokens.count, compute: compute),
      following: try opened.model.embed(Array(tokens.dropFirst()) + [next]), at: Positions(text: tokens.count, from: 0))

    let cache = block.makeState(capacity: 0)
    let known = tokens.count - 4
    block.read(places[0..<known], cache: cache, compute: compute)
    var last: [Float] = []
    var guess = Activations(rows: 0, columns: 0)
    for place in known..<tokens.count {
      guess = block.guess(places[place..<place + 1], cache: cache, compute: compute)
      last += guess.values
    }
    let logits = opened.model.logits(guess, vocabulary: 0..<opened.model.vocabularySize, compute: compute).values
    let token = try #require(logits.indices.max { logits[$0] < logits[$1] })
    let second = block.guess(
      DraftPlaces(
        hidden: guess, following: try opened.model.embed([Int32(token)]), at: Positions(text: 1, from: tokens.count)),
      cache: cache, compute: compute)
    #expect(cache.count == tokens.count + 1)
    return (last, logits, Int32(token), second.values)
  }

  private func check(_ opened: OpenedModel) throws {
    let golden = try Containers.open(Fixtures.path("golden/tiny-qwen3.5/mtp.safetensors"))
    let found = try answers(opened)
    #expect(Reference.difference(found.last, try golden.tensor("hidden").readFloats()) < 1e-5)
    let logits = try golden.tensor("logits").readFloats()
    #expect(Reference.difference(Array(found.logits.prefix(logits.count)), logits) < 1e-5)
    let token = try golden.tensor("token").withBytes { $0.loadUnaligned(as: Int32.self) }
    #expect(found.token == token)
    #expect(Reference.difference(found.second, try golden.tensor("second").readFloats()) < 1e-5)
  }

  @Test func `its answers are the definition's, from a folder and from a GGUF`() throws {
    try check(OpenedModel(Fixtures.path("tiny-qwen3.5")))
    let folder = try TemporaryFolder()
    var options = ConversionOptions.convert(to: .bf16)
    (options.output, options.vision) = (folder.file("tiny.gguf"), false)
    _ = try Conversion.plan(source: Fixtures.path("tiny-qwen3.5"), options: options).run(threads: 2)
    try check(OpenedModel(folder.file("tiny.gguf")))
  }

  @Test func `a file without one has none, and neither has one whose block lacks a tensor`() throws {
    let whole = try Containers.open(Fixtures.path("tiny-qwen3.5"))
    #expect(try OpenedModel(checkpoint: whole.with(tensors: whole.tensors, notes: [])).draftBlock() != nil)
    for left in ["mtp.", "mtp.layers.0.mlp.up_proj", "mtp.norm"] {
      let some = whole.with(tensors: whole.tensors.filter { !$0.name.hasPrefix(left) }, notes: [])
      #expect(try OpenedModel(checkpoint: some).draftBlock() == nil, "\(left)")
    }
    #expect(try OpenedModel(Fixtures.path("families/qwen3/model")).draftBlock() == nil)
  }
}
