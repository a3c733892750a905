// splats.glb as PlayCanvas shows it: KHR_gaussian_splatting on nodes that move, all sorted together.
import * as pc from "playcanvas";

const frames = (app, count) => new Promise((done) => {
  app.on("frameend", () => { if (count-- === 0) done(); });
});

export async function look(task, answer) {
  const canvas = document.body.appendChild(document.createElement("canvas"));
  canvas.width = canvas.height = task.size;
  const device = await pc.createGraphicsDevice(canvas, {
    deviceTypes: [pc.DEVICETYPE_WEBGL2], antialias: false, preserveDrawingBuffer: true,
  });
  const options = new pc.AppOptions();
  options.graphicsDevice = device;
  options.componentSystems = [pc.RenderComponentSystem, pc.CameraComponentSystem, pc.GSplatComponentSystem, pc.AnimComponentSystem];
  options.resourceHandlers = [pc.ContainerHandler, pc.GSplatHandler, pc.TextureHandler, pc.AnimClipHandler];
  const app = new pc.AppBase(canvas);
  app.init(options);
  app.start();

  const asset = new pc.Asset("splats", "container", { url: task.file, filename: "splats.glb" });
  app.assets.add(asset);
  await new Promise((done, failed) => {
    asset.ready(done);
    asset.on("error", failed);
    app.assets.load(asset);
  });
  const entity = asset.resource.instantiateRenderEntity();
  app.root.addChild(entity);
  const tracks = asset.resource.animations.map((animation) => animation.resource);
  answer.animations = tracks.map((track) => ({ name: track.name, tracks: track.curves.length, duration: track.duration }));
  if (tracks.length) {
    entity.addComponent("anim", { activate: true, speed: 1 });
    entity.anim.assignAnimation("reel", tracks[0], undefined, 1, false);
    entity.anim.baseLayer.play("reel");
    entity.anim.playing = false;
  }
  const camera = new pc.Entity("camera");
  camera.addComponent("camera", { clearColor: new pc.Color().fromString(task.background), fov: task.fov, nearClip: 0.01, farClip: 100 });
  camera.setPosition(...task.eye);
  camera.lookAt(...task.target);
  app.root.addChild(camera);

  await frames(app, 20);
  for (const time of task.times) {
    if (tracks.length) {
      entity.anim.baseLayer.activeStateCurrentTime = time;
      entity.anim.playing = true;
      entity.anim.speed = 0;
    }
    await frames(app, 30); // sorting goes on beside the drawing
    const nodes = {};
    entity.forEach((node) => { nodes[node.name] = Array.from(node.getWorldTransform().data); });
    answer.nodes.push(nodes);
    app.render();
    answer.pictures.push(canvas.toDataURL("image/png"));
  }
}
