import Images
import Base
import TestSupport
import Testing

/// The reference's `pixel_values` and `grid_thw` for every golden picture, bit for bit.
@Suite struct GoldenPixelTests {
  @Test(arguments: [
    ("image.a-64x64", ["a-64x64.png"]), ("image.b-160x96", ["b-160x96.png"]), ("image.c-150x137", ["c-150x137.png"]),
    ("image.d-alpha", ["d-alpha.png"]), ("image.e-photo-500x400", ["e-photo-500x400.jpg"]),
    ("image.f-palette", ["f-palette.png"]), ("image.g-grey", ["g-grey.png"]),
    ("two-images", ["a-64x64.png", "b-160x96.png"]),
  ])
  func pixelValues(name: String, files: [String]) throws {
    let golden = try GoldenTensors("golden/tiny-qwen3.5/activations-images.safetensors")
    let preprocessing = try Preprocessing(json: Fixtures.json("tiny-qwen3.5/preprocessor_config.json"))
    let patches = try preprocessing.patches(ofFiles: files.map { Fixtures.path("golden/tiny-qwen3.5/images/" + $0) })
    #expect(
      patches.grids.flatMap { [$0.frames, $0.rows, $0.columns] } == golden.integers("\(name).grid_thw")?.map(Int.init))
    // The fixture keeps one of the two equal frames, as 8-bit samples.
    let samples = try #require(golden.data("\(name).pixels"))
    var expected: [Float] = []
    for plane in stride(from: 0, to: samples.count, by: 256) {
      for _ in 0..<2 { expected += samples[plane..<plane + 256].map { Float($0) / 127.5 - 1 } }
    }
    #expect(patches.values == expected)
  }
}

/// Sizes after resizing, worked out from the reference's rule.
@Suite struct SmartSizeTests {
  @Test(arguments: [
    (640, 480, 640, 480), (256, 256, 256, 256), (224, 224, 256, 256), (100, 100, 256, 256), (300, 300, 288, 288),
    (500, 336, 512, 320), (1280, 720, 1280, 704), (1920, 1080, 1920, 1088), (640, 64, 832, 96), (2000, 16, 2880, 32),
    (4096, 4096, 4096, 4096), (7000, 5000, 4832, 3456),
  ])
  func published(width: Int, height: Int, newWidth: Int, newHeight: Int) throws {
    let size = try Preprocessing().smartSize(width: width, height: height)
    #expect(size == (newWidth, newHeight))
  }

  @Test func refusesRibbons() {
    #expect(throws: CheckpointError.self) { try Preprocessing().smartSize(width: 20000, height: 3) }
    #expect(throws: Never.self) { try Preprocessing().smartSize(width: 600, height: 3) }
  }

  @Test(arguments: [
    #"{"patch_size": 0}"#, #"{"size": {"shortest_edge": 10, "longest_edge": 5}}"#, #"{"image_std": [0.5, 0, 0.5]}"#,
    #"{"image_mean": [0.5]}"#, #"{"size": {"longest_edge": 99999999999}}"#,
  ])
  func refusesConfiguration(_ text: String) throws {
    let json = try OrderedJSON(parsing: Array(text.utf8), file: "preprocessor_config.json")
    #expect(throws: CheckpointError.self) { try Preprocessing(json: json) }
  }
}
