import Conversion
import TestSupport
import Testing

/// A folder that is restored from a GGUF beside which a projector lies.
struct RestoredProjectorTests {
  @Test func `a projector that was not named is told, one that was is said to be used`() throws {
    let folder = try TemporaryFolder()
    var options = ConversionOptions.convert(to: nil)
    options.output = folder.file("m.gguf")
    try convert(tinyModel, options)
    var restoring = ConversionOptions.convert(to: nil)
    restoring.target = .safetensors
    restoring.output = folder.file("restored")
    let alone = try Conversion.plan(source: folder.file("m.gguf"), options: restoring)
    #expect(alone.notes.contains { $0.contains("mmproj-m.gguf beside the model is not part of it; name both") })
    let both = try Conversion.plan(
      source: folder.file("m.gguf") + "," + folder.file("mmproj-m.gguf"), options: restoring)
    #expect(both.notes.contains { $0.hasSuffix("mmproj-m.gguf, made from the same folder as the model") })
    #expect(!both.notes.contains { $0.contains("not part of it") })
    restoring.vision = false
    let unwanted = try Conversion.plan(source: folder.file("m.gguf"), options: restoring)
    #expect(!unwanted.notes.contains { $0.contains("not part of it") })
  }
}
