import Conversion
import Foundation
import Quants
import TestSupport
import Testing

/// The plan tells when other programs will not split text as the model was trained.
@Test(arguments: [false, true]) func `a pattern without a name is told in the plan`(isUnknown: Bool) throws {
  let altered = try AlteredModel()
  let model = try altered.write()
  if isUnknown {
    let path = URL(filePath: model + "/tokenizer.json")
    let text = String(decoding: try Data(contentsOf: path), as: UTF8.self)
    // Letters in threes: a pattern nobody has named.
    let changed = text.replacing(#"[\\p{L}\\p{M}]+|"#, with: #"[\\p{L}\\p{M}]{1,3}|"#)
    #expect(changed != text)
    try FileManager.default.removeItem(at: path)
    try Data(changed.utf8).write(to: path)
  }
  // The folder lives as long as the value.
  let plan = try withExtendedLifetime(altered) { try Conversion.plan(source: model, options: .convert(to: .bf16)) }
  #expect(plan.notes.contains { $0.contains("no name in GGUF") } == isUnknown, "\(plan.notes)")
}
