import Evaluation
import Foundation
import Base
import TestSupport
import Testing

/// `quern validate` with pictures, as it is called.
@Suite("Pictures through the command")
struct PictureCommandTests {
  private let before = PictureModels.before
  private let text: [String]
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    let words = try Fixtures.bytes("text/persuasion.txt").prefix(4_000)
    try Data(words).write(to: URL(filePath: folder.file("text.txt")))
    text = ["--text", folder.file("text.txt"), "--context", "64", "--windows", "3"]
  }

  @Test("Figures, answers and attribution; limits look at pictures too")
  func figures() throws {
    let models = try PictureModels([("Q2_K", "Q4_0")])
    let after = models.text("Q2_K") + "," + models.encoder("Q4_0")
    let arguments = ["validate", before, after, "--images", PictureModels.pictures] + text
    let run = try CommandLineRun(arguments + ["--json", "--quiet", "--prompt", "Describe the image."])
    try #require(run.status == 0, "\(run.errors)")
    let document = try run.json()
    let shown = try #require(document["pictures"]?.arrayValue)
    #expect(
      shown.count == 12 && shown[0]["answer"] == .string("A blue circle above a orange square on a grey background."))
    #expect(shown[1]["caption"] == .string("A large red square on a brown background."))
    #expect(shown.allSatisfy { ($0["picture_information"]?.doubleValue ?? 0) > 0.4 })
    let result = try #require(document["after"]?.arrayValue?.first)
    let images = try #require(result["images"]?.arrayValue)
    #expect(images.count == 12 && images.count { $0["same_answer"]?.boolValue == false } == 1)
    let parts = try #require(result["attribution"])
    let both = try #require(parts["both"]?["value"]?.doubleValue)
    #expect(both == result["pictures"]?["kl_divergence"]?["value"]?.doubleValue && both > 1e-3)
    #expect(result["pictures"]?["captions"]?["exact_before"]?.intValue == 9)
    let words = try CommandLineRun(arguments + ["--quiet"])
    #expect(words.output.contains("11 of 12 answers unchanged, divergence 0.00249"), "\(words.output)")
    #expect(words.output.contains("of it the text model alone 0.00239"))
    #expect(words.output.contains("12 pictures, 1 question about each: 3.20"))
    // The text alone would keep neither: pictures are named apart.
    let failed = try CommandLineRun(arguments + ["--quiet", "--max-divergence", "0.001", "--min-agreement", "0.999"])
    #expect(
      failed.status == 1 && failed.errors.components(separatedBy: " on pictures: the ").count == 3, "\(failed.errors)")
  }

  @Test("One side's projector is enough, and a projector alone is a model after")
  func oneSide() throws {
    let models = try PictureModels([("Q8_0", "Q8_0")])
    let picture = ["--images", PictureModels.pictures + "/0001.png"] + text
    // A text GGUF behind the folder's own vision encoder.
    let borrowed = try CommandLineRun(["validate", before, models.text("Q8_0")] + picture)
    #expect(borrowed.status == 0 && borrowed.errors.contains("has no vision encoder of its own"), "\(borrowed.errors)")
    #expect(borrowed.output.contains("1 of 1 answer unchanged"), "\(borrowed.output)")
    let alone = try CommandLineRun(["validate", before, models.encoder("Q8_0"), "--json"] + picture)
    let result = try alone.json()["after"]?.arrayValue?.first
    #expect(result?["model"]?.stringValue == models.encoder("Q8_0"))
    #expect(result?["kl_divergence"]?["value"]?.doubleValue == 0 && result?["attribution"]?.isNull == true)
    #expect(result?["images"]?.arrayValue?.first?["embedding"]?["cosine_min"]?.doubleValue ?? 0 > 0.999)
    let turned = try CommandLineRun(
      ["validate", models.text("Q8_0"), models.text("Q8_0") + "," + models.encoder("Q8_0")] + picture)
    #expect(turned.status == 0 && turned.errors.contains("looks through"), "\(turned.errors)")
    #expect(turned.output.contains("divergence 0.000000 an answer token"), "\(turned.output)")
    // Who has no encoder cannot have lost one: nothing is said of embeddings, and a projector alone is compared with nothing.
    let blindly = try CommandLineRun(
      ["validate", models.text("Q8_0"), models.text("Q8_0") + "," + models.encoder("Q8_0"), "--json"] + picture)
    let seen = try blindly.json()["after"]?.arrayValue?.first
    #expect(seen?["images"]?.arrayValue?.first?["embedding"]?.isNull == true && seen?["attribution"]?.isNull == true)
    let nothing = try CommandLineRun(["validate", models.text("Q8_0"), models.encoder("Q8_0")] + picture)
    #expect(
      nothing.status == 2 && nothing.errors.contains("no vision encoder that this projector could be compared with"),
      "\(nothing.errors)")
    // Two that share a text model have the names they were given.
    let pair = ["", "," + models.encoder("Q8_0")].map { models.text("Q8_0") + $0 }
    let both = try CommandLineRun(["validate", before] + pair + ["--json"] + picture)
    #expect(try both.json()["after"]?.arrayValue?.map { $0["model"]?.stringValue } == pair, "\(both.errors)")
    let idle = try CommandLineRun(["validate", before, models.encoder("Q8_0"), "--no-images"] + text)
    #expect(idle.status == 64 && idle.errors.contains("nothing of it can be compared"), "\(idle.errors)")
    // Without a vision encoder anywhere there are no pictures, unless they were asked for.
    let blind = ["validate", models.text("Q8_0"), models.text("Q8_0")]
    let quiet = try CommandLineRun(blind + text + ["--json"])
    let shown = try quiet.json()["pictures"]
    #expect(quiet.status == 0 && shown == .array([]), "\(quiet.errors)")
    let refused = try CommandLineRun(blind + picture)
    #expect(refused.status == 2 && refused.errors.contains("has a vision encoder"), "\(refused.errors)")
  }

  @Test("What cannot be shown is refused in one sentence before any work")
  func refusals() throws {
    func folder(_ name: String, _ files: [String: String]) throws -> String {
      let path = self.folder.file(name)
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      for (file, words) in files { try Data(words.utf8).write(to: URL(filePath: path + "/" + file)) }
      return path
    }
    func refuse(_ options: [String], _ status: Int32, _ words: String) throws {
      let run = try CommandLineRun(["validate", before, before] + text + options)
      #expect(run.status == status && run.errors.contains(words), "\(options): \(run.status) \(run.errors)")
      #expect(!run.errors.contains("comparing"), "\(run.errors)")
    }
    let picture = PictureModels.pictures + "/0001.png"
    try refuse(["--images", folder("words", ["a.png": "no picture"])], 2, "words/a.png: this is not a picture")
    try refuse(["--images", folder("none", [:])], 2, "the folder holds no pictures")
    try refuse(["--images", self.folder.file("absent.png")], 2, "absent.png")
    try refuse(["--images", picture, "--images", picture], 64, "this is the same picture as")
    let damaged = self.folder.file("damaged.png")
    var bytes = try Data(contentsOf: URL(filePath: picture))
    bytes.removeLast(bytes.count / 2)
    try bytes.write(to: URL(filePath: damaged))
    try refuse(["--images", damaged], 2, "damaged.png: ")
    let captioned = try folder("captioned", ["captions.json": #"{"b.png": "Nothing."}"#])
    try FileManager.default.copyItem(atPath: picture, toPath: captioned + "/a.png")
    try refuse(["--images", captioned], 2, "captions.json: there is a caption for b.png, and no such picture")
    try refuse(["--images", picture, "--no-images"], 64, "exclude each other")
    try refuse(["--prompt", "", "--images", picture], 64, "--prompt is empty")
    try refuse(["--prompt", "What?", "--prompt", "What?"], 64, "is given twice")
  }

  @Test("Without --images the built-in pictures are shown")
  func builtIn() throws {
    let pictures = try BuiltInPictures.all()
    #expect(pictures.count == 12 && Set(pictures.map(\.sha256)).count == 12)
    #expect(pictures.allSatisfy { $0.width <= 192 && $0.height <= 192 && $0.bytes.count < 8_000 })
    #expect(Set(pictures.map(\.width)).count == 3)
    let run = try CommandLineRun(["validate", before, before, "--json"] + text)
    let document = try run.json()
    #expect(document["pictures"]?.arrayValue?.compactMap { $0["name"]?.stringValue } == pictures.map(\.name))
    let result = document["after"]?.arrayValue?.first?["pictures"]
    #expect(result?["kl_divergence"]?["value"]?.doubleValue == 0 && result?["same_answers"]?.intValue == 12)
    let none = try CommandLineRun(["validate", before, before, "--json", "--no-images"] + text)
    let nothing = try none.json()["pictures"]
    #expect(nothing == .array([]))
  }
}
